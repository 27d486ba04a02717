// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

const machineTxs = 3

// testMachine is a state machine of up to three transactions at a time, whose every answer is compared with the
// model. Rapid draws its steps, and looks for fewer that fail as well: a failure names these, and the flag that draws
// them again.
func testMachine(w *world) {
	w.checkRapidly(func(t *rapid.T, fail func(how string)) {
		m := &machine{world: w, model: newModel(), fail: fail}
		m.check(m.clear())
		t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) { m.check(m.act(t)) }})
		m.check(m.end())
	})
}

// machine is one sequence of steps, in a store that is empty when it begins.
type machine struct {
	*world
	fail  func(how string)
	model *model
	txs   [machineTxs]*machineTx
	// ended are transactions that have ended, by their slots: nil if there was none.
	ended [machineTxs]*endedTx
	// watches are those that commits have armed.
	watches []*machineWatch
	log     []string
}

type machineTx struct {
	kv.Tx
	modelTx
	// failed is what every use gives up to Reset, after an error of a write.
	failed error
	// unread: what was unreadable has been read, so that the commit fails.
	unread  bool
	stamps  bool
	watches []*machineWatch
	// unreadableWatches are those of keys that were unreadable: they fail.
	unreadableWatches []kv.Watch
}

type endedTx struct {
	kv.Tx
	err error
}

// actions are the steps that there are, which are all the methods of kv.Tx and some failures, each with how often it
// comes. The first of them is what others become in search of fewer.
var actions = weighted([]action{
	{6, (*machine).get}, {8, (*machine).set}, {7, (*machine).commit}, {6, (*machine).atomic}, {5, (*machine).getRange},
	{4, (*machine).readVersion}, {3, (*machine).clearRange}, {3, (*machine).getKey}, {3, (*machine).readConflict},
	{3, (*machine).writeConflict}, {2, (*machine).getAll}, {2, (*machine).beginAt}, {2, (*machine).clearKey},
	{2, (*machine).watch},
	{1, (*machine).watched}, {1, (*machine).stampValue}, {1, (*machine).stampKey}, {1, (*machine).cancel},
	{1, (*machine).reset},
	{1, (*machine).afterTheEnd}, {1, (*machine).resetEnded}, {1, (*machine).fails},
})

type action struct {
	often int
	do    func(m *machine, t *rapid.T) error
}

func weighted(all []action) []action {
	var list []action
	for _, a := range all {
		for range a.often {
			list = append(list, a)
		}
	}
	return list
}

func (m *machine) act(t *rapid.T) error { return pick(t, actions).do(m, t) }

// check fails with the steps up to the one that was wrong, which is the last.
func (m *machine) check(err error) {
	if err != nil {
		m.fail(fmt.Sprintf("%v; the last of %d steps:\n%s", err, len(m.log), strings.Join(m.log, "\n")))
	}
}

// clear empties the store, which is the model's first state.
func (m *machine) clear() error {
	tx := m.begin()
	tx.ClearRange(nil, kv.KeySpaceEnd())
	if err := tx.Commit(m.ctx); err != nil {
		return fmt.Errorf("clearing the store: %w", err)
	}
	m.model.commits[0].version = tx.CommittedVersion()
	return nil
}

// end compares all that there is.
func (m *machine) end() error {
	for _, tx := range m.txs {
		if tx != nil {
			tx.Cancel()
		}
	}
	for _, watch := range m.watches {
		watch.Cancel()
	}
	got, _, err := m.begin().Range(m.ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{})
	if err != nil {
		return err
	}
	tx := modelTx{model: m.model, readVersion: m.model.last().version}
	want, _ := tx.scan("", string(kv.KeySpaceEnd()), kv.RangeOptions{}, true)
	if got, want := m.showPairs(got), m.showPairs(want); got != want {
		return fmt.Errorf("in the end the store holds %s, want %s", got, want)
	}
	return nil
}

// step notes a step. Its answer is added to it.
func (m *machine) step(i int, format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("  %d: ", i)+fmt.Sprintf(format, args...))
}

func (m *machine) answered(format string, args ...any) {
	m.log[len(m.log)-1] += ": " + fmt.Sprintf(format, args...)
}

// draw draws a transaction, which begins if there is none.
func (m *machine) draw(t *rapid.T) (int, *machineTx) {
	i := drawSlot(t)
	if m.txs[i] == nil {
		m.txs[i] = &machineTx{Tx: m.begin(), modelTx: modelTx{model: m.model}}
	}
	return i, m.txs[i]
}

// fix makes sure that the read version is known, as any read does.
func (m *machine) fix(tx *machineTx) error {
	if tx.readVersion != 0 || tx.failed != nil {
		return nil
	}
	v, err := tx.ReadVersion(m.ctx)
	if err != nil {
		return err
	}
	if v < m.model.last().version {
		return errors.New("the read version is less than that of an acknowledged commit")
	}
	tx.readVersion = v
	return nil
}

func (m *machine) readVersion(t *rapid.T) error {
	i, tx := m.draw(t)
	m.step(i, "read version")
	if tx.failed != nil {
		return nil // some stores know it nevertheless
	}
	if err := m.fix(tx); err != nil {
		return err
	}
	v, err := tx.ReadVersion(m.ctx)
	if err == nil && v != tx.readVersion {
		err = errors.New("the read version has changed")
	}
	return err
}

// beginAt begins a transaction at the version of a commit.
func (m *machine) beginAt(t *rapid.T) error {
	i := drawSlot(t)
	back := rapid.IntRange(0, len(m.model.commits)-1).Draw(t, "commits back")
	if m.txs[i] != nil {
		t.Skip("it has begun")
	}
	tx := &machineTx{Tx: m.begin(), modelTx: modelTx{model: m.model}}
	m.txs[i] = tx
	tx.readVersion = m.model.commits[len(m.model.commits)-1-back].version
	tx.SetReadVersion(tx.readVersion)
	m.step(i, "begin at the version of the newest commit but %d", back)
	return nil
}

func (m *machine) commit(t *rapid.T) error {
	i, tx := m.draw(t)
	m.step(i, "commit")
	if v := tx.CommittedVersion(); v != 0 {
		return errors.New("there is a committed version before the commit")
	}
	err := tx.Commit(m.ctx)
	if err == nil {
		m.answered("committed")
	} else {
		m.answered("%v", err)
	}
	m.leave(i, kv.ErrUsed)
	if err != nil && tx.failed == nil {
		m.ended[i] = nil // what such a transaction says from now on is not laid down
	}
	if err := m.judge(tx, err); err != nil {
		return err
	}
	return m.settle(tx, err == nil)
}

// judge checks that a commit was right to succeed or to fail, and does it in the model.
func (m *machine) judge(tx *machineTx, err error) error {
	written := keySet(0)
	if tx.readVersion != 0 {
		written = m.model.wroteSince(tx.readVersion)
	}
	switch {
	case tx.failed != nil || tx.unread:
		return wantError(err, tx.failed, tx.unread)
	case tx.wrote == 0 && (err != nil || tx.CommittedVersion() != 0):
		return errors.New("a transaction with nothing to write did not commit, or has a version")
	case tx.wrote == 0:
		return nil
	case err == nil && written&tx.must != 0:
		return fmt.Errorf("committed, although %swas read and has been written", names(written&tx.must&machineSet))
	case errors.Is(err, kv.ErrConflict) && written&tx.may == 0:
		return errors.New("conflict, although nothing that was read has been written")
	case errors.Is(err, kv.ErrConflict):
		return nil
	case err != nil:
		return err
	case tx.CommittedVersion() <= m.model.last().version:
		return errors.New("committed at a version that is not greater than that of the commit before")
	}
	return m.committed(tx)
}

func wantError(err, failed error, unread bool) error {
	switch {
	case unread && errors.Is(err, kv.ErrUnreadable), failed != nil && errors.Is(err, failed):
		return nil
	}
	return fmt.Errorf("got error %v; the transaction had failed (%v) or read what is unreadable (%v)", err, failed,
		unread)
}

func (m *machine) committed(tx *machineTx) error {
	v := tx.CommittedVersion()
	if tx.stamps {
		stamp, err := tx.Versionstamp()
		if err != nil {
			return fmt.Errorf("versionstamp: %w", err)
		}
		if len(stamp) != kv.StampBytes || binary.BigEndian.Uint64(stamp) != uint64(v) {
			return errors.New("the versionstamp is not of the committed version")
		}
		tx.stamp = stamp
	}
	tx.modelTx.commit(v)
	for _, watch := range m.watches {
		watch.look(m.model.last().after)
	}
	return nil
}

// leave empties the slot of a transaction that has ended. From now on it says so, or by what it had failed before.
func (m *machine) leave(i int, err error) {
	if failed := m.txs[i].failed; failed != nil {
		err = failed
	}
	m.ended[i] = &endedTx{Tx: m.txs[i].Tx, err: err}
	m.txs[i] = nil
}

func (m *machine) cancel(t *rapid.T) error {
	i, tx := m.draw(t)
	m.step(i, "cancel")
	tx.Cancel()
	m.leave(i, kv.ErrCancelled)
	return m.settle(tx, false)
}

func (m *machine) reset(t *rapid.T) error {
	i, tx := m.draw(t)
	m.step(i, "reset")
	tx.Reset()
	m.txs[i] = &machineTx{Tx: tx.Tx, modelTx: modelTx{model: m.model}}
	return m.settle(tx, false)
}

// afterTheEnd uses a transaction that has ended.
func (m *machine) afterTheEnd(t *rapid.T) error {
	i := drawSlot(t)
	tx := m.ended[i]
	if tx == nil {
		t.Skip("none has ended")
	}
	m.step(i, "get, range and commit after the end")
	_, getErr := tx.Get(m.ctx, []byte("a"))
	_, _, rangeErr := tx.Range(m.ctx, nil, []byte("a"), kv.RangeOptions{})
	for _, err := range []error{getErr, rangeErr, tx.Commit(m.ctx)} {
		if !errors.Is(err, tx.err) {
			return fmt.Errorf("got error %v, want %w", err, tx.err)
		}
	}
	return nil
}

// resetEnded goes on with a transaction that has ended.
func (m *machine) resetEnded(t *rapid.T) error {
	i := drawSlot(t)
	tx := m.ended[i]
	if tx == nil || m.txs[i] != nil {
		t.Skip("none has ended, or another has begun")
	}
	m.step(i, "reset after the end")
	tx.Reset()
	m.ended[i] = nil
	m.txs[i] = &machineTx{Tx: tx.Tx, modelTx: modelTx{model: m.model}}
	return nil
}

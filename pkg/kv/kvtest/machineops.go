// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// What steps are made of. Failing ones come to be made of the first of each.
var (
	machineSlots  = []int{0, 1, 2}
	machineKeys   = []string{"a", "a\x00", "aa", "b", "ba", "c", "", "d\xff\xff"}
	machineEnds   = append(slices.Clone(machineKeys), "\xff")
	machineValues = []string{"", "\x00", "\x01", "\xff", "\x01\x02", "\xff\xff", "\x00\x00\x01"}
)

// machineSet is the keys of the steps; ranges have more of the model's in them.
var machineSet = func() (set keySet) {
	for _, key := range machineKeys {
		set |= setOf(key)
	}
	return set
}()

// pick draws one of some, each as often as the others: rapid itself prefers the first.
func pick[E any](t *rapid.T, all []E) E {
	for {
		n := 0
		for bit := 1; bit < len(all); bit *= 2 {
			if rapid.Bool().Draw(t, "bit") {
				n += bit
			}
		}
		if n < len(all) {
			return all[n]
		}
	}
}

func drawSlot(t *rapid.T) int     { return pick(t, machineSlots) }
func drawKey(t *rapid.T) string   { return pick(t, machineKeys) }
func drawValue(t *rapid.T) string { return pick(t, machineValues) }

// drawRange draws a range that is not inverted.
func drawRange(t *rapid.T) (begin, end string) {
	begin, end = drawKey(t), pick(t, machineEnds)
	return min(begin, end), max(begin, end)
}

// drawReader draws whether to read as of a snapshot.
func drawReader(t *rapid.T, tx *machineTx) (r kv.Reader, snapshot bool, name string) {
	if pick(t, []bool{false, false, false, true}) {
		return tx.Snapshot(), true, "snapshot "
	}
	return tx.Tx, false, ""
}

// failing judges the error of a read of some keys: whether it is one that has to be, and is the answer.
func (m *machine) failing(tx *machineTx, err error, keys keySet) (done bool, _ error) {
	switch {
	case tx.failed != nil || tx.unreadable&keys != 0:
		m.answered("%v", err)
		unreadable := tx.unreadable&keys != 0
		tx.unread = tx.unread || unreadable && tx.failed == nil
		return true, wantError(err, tx.failed, unreadable)
	case tx.unread && errors.Is(err, kv.ErrUnreadable): // a store may go on giving it
		m.answered("%v", err)
		return true, nil
	}
	return err != nil, err
}

func (m *machine) get(t *rapid.T) error {
	i, tx := m.draw(t)
	r, snapshot, name := drawReader(t, tx)
	key := drawKey(t)
	m.step(i, "%sget %q", name, key)
	if err := m.fix(tx); err != nil {
		return err
	}
	got, err := r.Get(m.ctx, []byte(key))
	if done, err := m.failing(tx, err, setOf(key)); done {
		return err
	}
	m.answered("%s", showValue(got))
	return checkValue(key, got, tx.get(key, snapshot), nil)
}

func (m *machine) getAll(t *rapid.T) error {
	i, tx := m.draw(t)
	r, snapshot, name := drawReader(t, tx)
	all := make([]string, pick(t, []int{2, 0, 1, 3}))
	for j := range all {
		all[j] = drawKey(t)
	}
	m.step(i, "%sget all %q", name, all)
	if err := m.fix(tx); err != nil {
		return err
	}
	keys, set := make([][]byte, len(all)), keySet(0)
	for j, key := range all {
		keys[j] = []byte(key)
		set |= setOf(key)
	}
	got, err := r.GetAll(m.ctx, keys...)
	if tx.failed != nil && len(all) == 0 {
		return nil
	}
	if done, err := m.failing(tx, err, set); done {
		tx.may |= set
		return err
	}
	if len(got) != len(all) {
		return fmt.Errorf("%d values for %d keys", len(got), len(all))
	}
	for j, key := range all {
		m.answered("%s", showValue(got[j]))
		if err := checkValue(key, got[j], tx.get(key, snapshot), nil); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) getKey(t *rapid.T) error {
	i, tx := m.draw(t)
	r, snapshot, name := drawReader(t, tx)
	sel := kv.KeySelector{Key: []byte(drawKey(t)), OrEqual: pick(t, []bool{false, true}),
		Offset: pick(t, []int{0, 1, 2, 3, -1, -2})}
	m.step(i, "%sget key %q, or equal %v, offset %d", name, sel.Key, sel.OrEqual, sel.Offset)
	if err := m.fix(tx); err != nil {
		return err
	}
	got, err := r.GetKey(m.ctx, sel)
	// whether it comes to these keys, and counts them, is for the scripts to say
	if tx.failed == nil && (tx.unreadable != 0 || tx.ghosts()) {
		tx.may |= setOfRange("", "\xff")
		if errors.Is(err, kv.ErrUnreadable) && tx.unreadable != 0 {
			tx.unread, err = true, nil
		}
		return err
	}
	if done, err := m.failing(tx, err, 0); done {
		return err
	}
	m.answered("%s", m.showKey(got))
	if want := tx.getKey(sel, snapshot); string(got) != string(want) {
		return fmt.Errorf("the selector gave %s, want %s", m.showKey(got), m.showKey(want))
	}
	return nil
}

func (m *machine) getRange(t *rapid.T) error {
	i, tx := m.draw(t)
	r, snapshot, name := drawReader(t, tx)
	begin, end := drawRange(t)
	opt := kv.RangeOptions{Limit: pick(t, []int{0, 1, 2, 3}), Reverse: pick(t, []bool{false, true})}
	if opt.Limit == 0 {
		opt.BytesMax = pick(t, []int{0, 0, 1, 3, 5, 8})
	}
	m.step(i, "%srange %q to %q%s", name, begin, end, showOptions(opt))
	if err := m.fix(tx); err != nil {
		return err
	}
	got, more, err := r.Range(m.ctx, []byte(begin), []byte(end), opt)
	if tx.failed == nil && tx.unreadable&setOfRange(begin, end) != 0 {
		return m.unreadableRange(tx, err, begin, end, opt)
	}
	if tx.failed != nil && begin == end {
		return nil
	}
	if done, err := m.failing(tx, err, 0); done {
		return err
	}
	want, stopped := tx.scan(begin, end, opt, snapshot)
	m.answered("%s, more %v", m.showPairs(got), more)
	if got, want := m.showPairs(got), m.showPairs(want); got != want {
		return fmt.Errorf("range gave %s, want %s", got, want)
	}
	full := opt.Limit > 0 && len(got) == opt.Limit || opt.BytesMax > 0
	if stopped && !more || more && !full {
		return fmt.Errorf("range says more: %v; it stopped before the end: %v", more, stopped)
	}
	return nil
}

// unreadableRange judges a range with an unreadable key in it, which a limit may keep it from: then it may be read.
func (m *machine) unreadableRange(tx *machineTx, err error, begin, end string, opt kv.RangeOptions) error {
	m.answered("%v", err)
	tx.may |= setOfRange(begin, end)
	limited := opt.Limit > 0 || opt.BytesMax > 0
	switch {
	case errors.Is(err, kv.ErrUnreadable):
		tx.unread = true
		return nil
	case err == nil && !limited:
		return errors.New("a range was read with an unreadable key in it")
	}
	return err
}

func (m *machine) set(t *rapid.T) error {
	i, tx := m.draw(t)
	key, value := drawKey(t), drawValue(t)
	m.step(i, "set %q %q", key, value)
	tx.Set([]byte(key), []byte(value))
	tx.set(key, []byte(value))
	return nil
}

// fails does what every later call complains of.
func (m *machine) fails(t *rapid.T) error {
	i, tx := m.draw(t)
	failed := kv.ErrInvalidRange
	if pick(t, []bool{false, true}) {
		m.step(i, `clear range "b" to "a"`)
		tx.ClearRange([]byte("b"), []byte("a"))
	} else {
		m.step(i, "set %q", kv.KeySpaceEnd())
		tx.Set(kv.KeySpaceEnd(), nil)
		failed = kv.ErrOutOfRange
	}
	if tx.failed == nil { // the first counts
		tx.failed = failed
	}
	return nil
}

func (m *machine) clearKey(t *rapid.T) error {
	i, tx := m.draw(t)
	key := drawKey(t)
	m.step(i, "clear %q", key)
	tx.Clear([]byte(key))
	tx.modelTx.clearRange(key, key+"\x00")
	return nil
}

func (m *machine) clearRange(t *rapid.T) error {
	i, tx := m.draw(t)
	begin, end := drawRange(t)
	m.step(i, "clear range %q to %q", begin, end)
	tx.ClearRange([]byte(begin), []byte(end))
	tx.modelTx.clearRange(begin, end)
	return nil
}

func (m *machine) atomic(t *rapid.T) error {
	i, tx := m.draw(t)
	op, key, param := pick(t, randomOps), drawKey(t), drawValue(t)
	m.step(i, "%s %q %q", opName(op), key, param)
	tx.Atomic(op, []byte(key), []byte(param))
	tx.modelTx.atomic(op, key, []byte(param))
	return nil
}

func (m *machine) stampValue(t *rapid.T) error {
	i, tx := m.draw(t)
	key, template := drawKey(t), withStamp(drawValue(t), "")
	m.step(i, "set versionstamped value %q %q", key, template)
	tx.Atomic(kv.AtomicSetVersionstampedValue, []byte(key), template)
	tx.modelTx.stampValue(key, template)
	tx.stamps = true
	return nil
}

func (m *machine) stampKey(t *rapid.T) error {
	i, tx := m.draw(t)
	template, value := withStamp(stampedSpace, drawValue(t)), drawValue(t)
	m.step(i, "set versionstamped key %q %q", template, value)
	tx.Atomic(kv.AtomicSetVersionstampedKey, template, []byte(value))
	tx.modelTx.stampKey(template, []byte(value))
	tx.stamps = true
	return nil
}

func (m *machine) readConflict(t *rapid.T) error {
	i, tx := m.draw(t)
	begin, end := drawRange(t)
	m.step(i, "read conflict %q to %q", begin, end)
	tx.read(setOfRange(begin, end))
	return m.conflictRange(tx, tx.AddReadConflictRange([]byte(begin), []byte(end)))
}

func (m *machine) writeConflict(t *rapid.T) error {
	i, tx := m.draw(t)
	begin, end := drawRange(t)
	m.step(i, "write conflict %q to %q", begin, end)
	tx.wrote |= setOfRange(begin, end)
	return m.conflictRange(tx, tx.AddWriteConflictRange([]byte(begin), []byte(end)))
}

// conflictRange judges the error of a conflict range, and has an inverted one refused.
func (m *machine) conflictRange(tx *machineTx, err error) error {
	if tx.failed != nil || tx.unread { // of which stores say it or not
		return nil
	}
	if err != nil {
		return err
	}
	inverted := tx.AddReadConflictRange([]byte("b"), []byte("a"))
	if !errors.Is(inverted, kv.ErrInvalidRange) {
		return fmt.Errorf("an inverted range: %v, want %w", inverted, kv.ErrInvalidRange)
	}
	return nil
}

func opName(op kv.AtomicOp) string {
	for name, of := range atomicOps {
		if of == op {
			return name
		}
	}
	return fmt.Sprintf("operation %d", op)
}

func showOptions(opt kv.RangeOptions) string {
	text := ""
	if opt.Limit > 0 {
		text += fmt.Sprintf(", limit %d", opt.Limit)
	}
	if opt.BytesMax > 0 {
		text += fmt.Sprintf(", %d bytes", opt.BytesMax)
	}
	if opt.Reverse {
		text += ", reverse"
	}
	return text
}

func showValue(value []byte) string {
	if value == nil {
		return "no value"
	}
	return fmt.Sprintf("%q", value)
}

// showKey writes a key, or a value, without the stamps in it, which differ from run to run.
func (m *machine) showKey(key []byte) string {
	text := string(key)
	for n, commit := range m.model.commits {
		if commit.stamp != "" {
			text = strings.ReplaceAll(text, commit.stamp, stampName(n))
		}
	}
	return fmt.Sprintf("%q", text)
}

func (m *machine) showPairs(pairs []kv.KeyValue) string {
	all := make([]string, len(pairs))
	for i, pair := range pairs {
		all[i] = m.showKey(pair.Key) + "=" + m.showKey(pair.Value)
	}
	return "[" + strings.Join(all, " ") + "]"
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	randomSeeds = 300
	randomSteps = 120
	randomTxs   = 4
)

// testRandom interleaves random transactions one step at a time, and compares every answer, and whether a commit
// may and must succeed, with the model. All seeds play on one store, each on what the one before has left.
func testRandom(w *world) {
	m := newModel()
	for seed := range uint64(randomSeeds) {
		r := &randomRun{world: w, rnd: env.NewRand(seed, 0x6b76), model: m}
		if err := r.run(); err != nil {
			w.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(r.log, "\n"))
		}
	}
}

// randomRun is one seed's transactions.
type randomRun struct {
	*world
	rnd   *env.Rand
	model *model
	txs   [randomTxs]*randomTx
	log   []string
}

// randomTx is a transaction and its model.
type randomTx struct {
	kv.Tx
	modelTx
}

func (r *randomRun) run() error {
	for range randomSteps {
		if err := r.step(r.rnd.IntN(randomTxs)); err != nil {
			return err
		}
	}
	for i := range r.txs {
		if r.txs[i] != nil {
			if err := r.commitTx(i); err != nil {
				return err
			}
		}
	}
	return r.checkAll()
}

func (r *randomRun) logf(i int, format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf("%d: ", i)+fmt.Sprintf(format, args...))
}

func (r *randomRun) step(i int) error {
	if r.txs[i] == nil {
		return r.beginTx(i)
	}
	switch n := r.rnd.IntN(100); {
	case n < 12:
		return r.commitTx(i)
	case n < 14:
		r.logf(i, "cancel")
		r.txs[i].Cancel()
		r.txs[i] = nil
		return nil
	case n < 16:
		r.logf(i, "reset")
		r.txs[i].Reset()
		r.txs[i].modelTx = modelTx{model: r.model}
		return r.fetchVersion(i)
	case n < 50:
		return r.readTx(i)
	}
	return r.writeTx(i)
}

func (r *randomRun) beginTx(i int) error {
	tx := &randomTx{Tx: r.begin(), modelTx: modelTx{model: r.model}}
	r.txs[i] = tx
	if n := len(r.model.commits); n > 1 && r.rnd.IntN(5) == 0 {
		back := r.rnd.IntN(min(n-1, 4))
		tx.readVersion = r.model.commits[n-1-back].version
		tx.SetReadVersion(tx.readVersion)
		r.logf(i, "begin at %d", tx.readVersion)
		return nil
	}
	return r.fetchVersion(i)
}

func (r *randomRun) fetchVersion(i int) error {
	v, err := r.txs[i].ReadVersion(r.ctx)
	if err != nil {
		return err
	}
	if v < r.model.last().version {
		return fmt.Errorf("read version %d after a commit at %d was acknowledged", v, r.model.last().version)
	}
	r.txs[i].readVersion = v
	r.logf(i, "begin, read version %d", v)
	return nil
}

func (r *randomRun) randomKey() string { return universe[r.rnd.IntN(len(universe))] }

// randomRange returns a range that is not inverted; one in eight is empty.
func (r *randomRun) randomRange() (begin, end string) {
	begin, end = r.randomKey(), r.randomKey()
	if begin > end || begin == end && r.rnd.IntN(8) != 0 {
		begin, end = end, begin
	}
	if r.rnd.IntN(6) == 0 {
		end = "\xff"
	}
	return begin, end
}

func (r *randomRun) randomValue() []byte {
	value := make([]byte, r.rnd.IntN(10))
	for i := range value {
		value[i] = [...]byte{0, 1, 0x7f, 0xff}[r.rnd.IntN(4)]
	}
	return value
}

func (r *randomRun) writeTx(i int) error {
	tx := r.txs[i]
	switch r.rnd.IntN(12) {
	case 0, 1, 2, 3:
		key, value := r.randomKey(), r.randomValue()
		r.logf(i, "set %q %x", key, value)
		tx.Set([]byte(key), value)
		tx.set(key, value)
	case 4:
		key := r.randomKey()
		r.logf(i, "clear %q", key)
		tx.Clear([]byte(key))
		tx.clearRange(key, key+"\x00")
	case 5, 6:
		begin, end := r.randomRange()
		r.logf(i, "clear range %q %q", begin, end)
		tx.ClearRange([]byte(begin), []byte(end))
		tx.clearRange(begin, end)
	case 7:
		begin, end := r.randomRange()
		r.logf(i, "read conflict %q %q", begin, end)
		tx.read(setOfRange(begin, end))
		return tx.AddReadConflictRange([]byte(begin), []byte(end))
	case 8:
		begin, end := r.randomRange()
		r.logf(i, "write conflict %q %q", begin, end)
		tx.wrote |= setOfRange(begin, end)
		return tx.AddWriteConflictRange([]byte(begin), []byte(end))
	default:
		op, key, param := randomOps[r.rnd.IntN(len(randomOps))], r.randomKey(), r.randomValue()
		r.logf(i, "atomic %d %q %x", op, key, param)
		tx.Atomic(op, []byte(key), param)
		tx.atomic(op, key, param)
	}
	return nil
}

var randomOps = []kv.AtomicOp{
	kv.AtomicAdd, kv.AtomicAnd, kv.AtomicOr, kv.AtomicXor, kv.AtomicAppendIfFits,
	kv.AtomicMax, kv.AtomicMin, kv.AtomicByteMin, kv.AtomicByteMax, kv.AtomicCompareAndClear,
}

func (r *randomRun) readTx(i int) error {
	tx := r.txs[i]
	snapshot := r.rnd.IntN(4) == 0
	var reader kv.Reader = tx
	if snapshot {
		reader = tx.Snapshot()
	}
	switch r.rnd.IntN(5) {
	case 0:
		return r.readGet(i, reader, snapshot)
	case 1:
		return r.readGetAll(i, reader, snapshot)
	case 2:
		return r.readGetKey(i, reader, snapshot)
	}
	return r.readRange(i, reader, snapshot)
}

func (r *randomRun) readGet(i int, reader kv.Reader, snapshot bool) error {
	key := r.randomKey()
	got, err := reader.Get(r.ctx, []byte(key))
	want := r.txs[i].get(key, snapshot)
	r.logf(i, "get %q, snapshot %v: %x", key, snapshot, got)
	return checkValue(key, got, want, err)
}

func (r *randomRun) readGetAll(i int, reader kv.Reader, snapshot bool) error {
	all := make([][]byte, r.rnd.IntN(5))
	for j := range all {
		all[j] = []byte(r.randomKey())
	}
	got, err := reader.GetAll(r.ctx, all...)
	r.logf(i, "get all %q, snapshot %v: %x", all, snapshot, got)
	if err != nil || len(got) != len(all) {
		return fmt.Errorf("%d values for %d keys, %w", len(got), len(all), err)
	}
	for j, key := range all {
		if err := checkValue(string(key), got[j], r.txs[i].get(string(key), snapshot), nil); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(key string, got, want []byte, err error) error {
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		return fmt.Errorf("%q is %x (nil: %v), want %x (nil: %v)", key, got, got == nil, want, want == nil)
	}
	return nil
}

func (r *randomRun) readGetKey(i int, reader kv.Reader, snapshot bool) error {
	sel := kv.KeySelector{Key: []byte(r.randomKey()), OrEqual: r.rnd.IntN(2) == 0, Offset: r.rnd.IntN(9) - 4}
	got, err := reader.GetKey(r.ctx, sel)
	want := r.txs[i].getKey(sel, snapshot)
	r.logf(i, "get key %q, or equal %v, offset %d, snapshot %v: %q", sel.Key, sel.OrEqual, sel.Offset, snapshot, got)
	if r.txs[i].ghosts() {
		if !snapshot {
			r.txs[i].may = setOfRange("", "\xff")
		}
		return err
	}
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("the selector gave %q, want %q", got, want)
	}
	return err
}

func (r *randomRun) readRange(i int, reader kv.Reader, snapshot bool) error {
	begin, end := r.randomRange()
	opt := kv.RangeOptions{Reverse: r.rnd.IntN(2) == 0}
	switch r.rnd.IntN(3) {
	case 0:
		opt.Limit = 1 + r.rnd.IntN(5)
	case 1:
		opt.BytesMax = 1 + r.rnd.IntN(40)
	}
	got, more, err := reader.Range(r.ctx, []byte(begin), []byte(end), opt)
	if err != nil {
		return err
	}
	want, stopped := r.txs[i].scan(begin, end, opt, snapshot)
	r.logf(i, "range %q %q %+v, snapshot %v: %s, more %v", begin, end, opt, snapshot, keys(got), more)
	same := slices.EqualFunc(got, want, func(a, b kv.KeyValue) bool {
		return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
	})
	if !same {
		return fmt.Errorf("range gave %q, want %q", got, want)
	}
	full := opt.Limit > 0 && len(got) == opt.Limit || opt.BytesMax > 0
	if stopped && !more || more && !full {
		return fmt.Errorf("range says more: %v; it stopped before the end: %v", more, stopped)
	}
	return nil
}

// commitTx commits a transaction and checks that it was right to succeed or to fail.
func (r *randomRun) commitTx(i int) error {
	tx := r.txs[i]
	r.txs[i] = nil
	err := tx.Commit(r.ctx)
	r.logf(i, "commit: version %d, %v", tx.CommittedVersion(), err)
	if tx.wrote == 0 {
		if err != nil || tx.CommittedVersion() != 0 {
			return fmt.Errorf("a transaction with nothing to write committed at version %d, %w", tx.CommittedVersion(),
				err)
		}
		return nil
	}
	written := r.model.wroteSince(tx.readVersion)
	switch {
	case err == nil && written&tx.must != 0:
		return fmt.Errorf("committed, although %s was read and has been written", names(written&tx.must))
	case errors.Is(err, kv.ErrConflict) && written&tx.may == 0:
		return errors.New("conflict, although nothing that was read has been written")
	case errors.Is(err, kv.ErrConflict):
		return nil
	case err != nil:
		return err
	}
	if v := tx.CommittedVersion(); v <= r.model.last().version {
		return fmt.Errorf("committed at version %d after %d", v, r.model.last().version)
	}
	tx.commit(tx.CommittedVersion())
	return nil
}

// checkAll compares all there is.
func (r *randomRun) checkAll() error {
	tx := &randomTx{Tx: r.begin(), modelTx: modelTx{model: r.model}}
	r.txs[0] = tx
	if err := r.fetchVersion(0); err != nil {
		return err
	}
	want, _ := tx.scan("", "\xff", kv.RangeOptions{}, false)
	got := r.scan(tx, "", "\xff")
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		return fmt.Errorf("the store holds %q, want %q", got, want)
	}
	return nil
}

func names(s keySet) string {
	var b []byte
	for i, key := range universe {
		if s&(1<<i) != 0 {
			b = fmt.Appendf(b, "%q ", key)
		}
	}
	return string(b)
}

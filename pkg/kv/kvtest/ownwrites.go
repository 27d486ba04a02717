// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// bufferedOp is a write as a transaction buffers it.
type bufferedOp struct {
	name string
	do   func(tx kv.Tx, key []byte)
	// apply is what it makes of a value, nil being none.
	apply func(old []byte) []byte
}

// bufferedOps is every kind of write whose effect is known before the commit.
func bufferedOps() []bufferedOp {
	cleared := func([]byte) []byte { return nil }
	ops := []bufferedOp{
		{"set", func(tx kv.Tx, key []byte) { tx.Set(key, []byte("set")) }, func([]byte) []byte {
			return []byte("set")
		}},
		{"clear", func(tx kv.Tx, key []byte) { tx.Clear(key) }, cleared},
		{"clear range", func(tx kv.Tx, key []byte) { tx.ClearRange(key, kv.KeyAfter(key)) }, cleared},
		{"clear around", func(tx kv.Tx, key []byte) { tx.ClearRange(key[:len(key)-1], append(bytes.Clone(key), 'z')) },
			cleared},
	}
	for _, op := range randomOps {
		param := []byte("\x80\x01\xff")
		if op == kv.AtomicCompareAndClear {
			param = []byte("set")
		}
		ops = append(ops, bufferedOp{
			name:  fmt.Sprintf("atomic %d", op),
			do:    func(tx kv.Tx, key []byte) { tx.Atomic(op, key, param) },
			apply: func(old []byte) []byte { return applyAtomic(op, old, param) },
		})
	}
	return ops
}

// stampOp is the write whose effect is known with the commit alone.
func stampOp() bufferedOp {
	return bufferedOp{name: "versionstamped value", do: func(tx kv.Tx, key []byte) {
		tx.Atomic(kv.AtomicSetVersionstampedValue, key, withStamp("", ""))
	}}
}

// mix is some writes of one key, in order.
type mix []bufferedOp

// mixes is every order of one, two and three writes that begins with first.
func mixes(first bufferedOp, all []bufferedOp) []mix {
	found := []mix{{first}}
	for _, second := range all {
		found = append(found, mix{first, second})
		for _, third := range all {
			found = append(found, mix{first, second, third})
		}
	}
	return found
}

// apply is the value after the writes, with the stamp that they were committed under.
func (m mix) apply(value, stamp []byte) []byte {
	for _, op := range m {
		if op.apply == nil {
			value = bytes.Clone(stamp)
		} else {
			value = op.apply(value)
		}
	}
	return value
}

func (m mix) String() string {
	var b []byte
	for _, op := range m {
		b = fmt.Appendf(b, "%s; ", op.name)
	}
	return string(b)
}

// stored is what a mix is tried on: no value, values shorter and longer than the parameters, and the one that is
// compared with.
var stored = [][]byte{nil, {}, {0xff}, []byte("set"), []byte("longer")}

// testOwnWrites shows that a transaction sees every order of up to three writes of a key as it will be committed, by
// a read of the key, of several keys and of the range, and that it is so committed.
func testOwnWrites(w *world) {
	all := bufferedOps()
	for _, first := range all {
		o := &ownWrites{world: w, mixes: mixes(first, all)}
		o.prepare()
		tx := w.begin()
		o.write(tx)
		o.checkGet(tx)
		o.check("before the commit", tx, nil)
		o.check("before the commit, as a snapshot", tx.Snapshot(), nil)
		w.commit(tx)
		o.check("after the commit", w.begin(), nil)
	}
	// With a versionstamp in the mix the commit alone shows what comes of it.
	for _, first := range append(all, stampOp()) {
		o := &ownWrites{world: w, mixes: withStampOps(first, all)}
		o.prepare()
		tx := w.begin()
		o.write(tx)
		w.commit(tx)
		stamp, err := tx.Versionstamp()
		w.must(err)
		o.check("after the commit", w.begin(), stamp)
	}
}

// withStampOps is the mixes with a versionstamped value second, or first.
func withStampOps(first bufferedOp, all []bufferedOp) []mix {
	if first.apply == nil {
		return mixes(first, all)
	}
	var found []mix
	for _, third := range append(all, stampOp()) {
		found = append(found, mix{first, stampOp(), third})
	}
	return append(found, mix{first, stampOp()})
}

// ownWrites is some mixes, each on keys of its own, one for each stored value.
type ownWrites struct {
	*world
	mixes []mix
}

func ownKey(mix, value int) []byte { return fmt.Appendf(nil, "own/%04d/%d/k", mix, value) }

func (o *ownWrites) prepare() {
	tx := o.begin()
	tx.ClearRange(nil, kv.KeySpaceEnd())
	for i := range o.mixes {
		for j, value := range stored {
			if value != nil {
				tx.Set(ownKey(i, j), value)
			}
		}
	}
	o.commit(tx)
}

func (o *ownWrites) write(tx kv.Tx) {
	for i, m := range o.mixes {
		for j := range stored {
			for _, op := range m {
				op.do(tx, ownKey(i, j))
			}
		}
	}
}

// checkGet compares single reads with what the mixes make of the stored values.
func (o *ownWrites) checkGet(r kv.Reader) {
	o.Helper()
	for i, m := range o.mixes {
		j := i % len(stored)
		key := ownKey(i, j)
		value, err := r.Get(o.ctx, key)
		if err := checkValue(string(key), value, m.apply(stored[j], nil), err); err != nil {
			o.Errorf("%s of %q, before the commit, by get: %v", m, stored[j], err)
		}
	}
}

// check does the same with reads of all keys, and of their range.
func (o *ownWrites) check(when string, r kv.Reader, stamp []byte) {
	o.Helper()
	var all [][]byte
	for i := range o.mixes {
		for j := range stored {
			all = append(all, ownKey(i, j))
		}
	}
	values, err := r.GetAll(o.ctx, all...)
	o.must(err)
	ranged := pairs{}
	for _, pair := range o.scan(r, "own/", "own0") {
		ranged[string(pair.Key)] = pair.Value
	}
	for at, key := range all {
		i, j := at/len(stored), at%len(stored)
		want := o.mixes[i].apply(stored[j], stamp)
		for how, value := range [][]byte{values[at], ranged[string(key)]} {
			if err := checkValue(string(key), value, want, nil); err != nil {
				o.Errorf("%s of %q, %s, by %s: %v", o.mixes[i], stored[j], when, []string{"get all", "range"}[how], err)
			}
		}
		delete(ranged, string(key))
	}
	for key := range ranged {
		o.Errorf("%s there is %q, which nothing has written", when, key)
	}
}

// testUnreadable shows that a key with a versionstamp on its way can't be read by the transaction, whatever it wrote
// there before.
func testUnreadable(w *world) {
	for _, op := range append(bufferedOps(), stampOp()) {
		key := []byte("unreadable")
		tx := w.begin()
		op.do(tx, key)
		stampOp().do(tx, key)
		_, err := tx.Snapshot().Get(w.ctx, []byte("another"))
		w.want("read of another key after "+op.name, err, nil)
		_, err = tx.Get(w.ctx, key)
		w.want("read of a stamped key after "+op.name, err, kv.ErrUnreadable)
		w.want("commit of what has read it", tx.Commit(w.ctx), kv.ErrUnreadable)
	}
}

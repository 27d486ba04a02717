// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// audit writes down every transaction that the store has committed and everything that it has answered, and goes
// through all of it once more, in the order of the commits, with a store of its own.
type audit struct {
	w     *world
	txs   []*deed
	reads []*reading

	cells  *btree.Map[string, *cell]
	kinds  map[string]keyInfo
	owners *owners
	// holders are the processes that hold the nodes' leases.
	holders map[string]holder
}

// deed is a committed transaction.
type deed struct {
	by   *life // nil for a client
	tx   *ryw.Commit
	done ryw.Committed
	at   time.Duration
}

// reading is what somebody was told.
type reading struct {
	by         string
	at         time.Duration
	version    kv.Version
	keys       [][]byte // of single reads
	values     [][]byte
	begin, end []byte // of a range, if keys is nil
	reverse    bool
	pairs      []kv.KeyValue
	more       bool
}

// cell is a key of the audit's own store.
type cell struct {
	value   []byte // nil: it was cleared
	version kv.Version
}

// meta is the cluster's own record as it is now.
func (a *audit) meta() metaRecord { return decode[metaRecord](a.value(string(metaKey))) }

func newAudit(w *world) *audit {
	return &audit{w: w, cells: btree.NewMap[string, *cell](0), kinds: make(map[string]keyInfo), owners: newOwners(w),
		holders: make(map[string]holder)}
}

func (a *audit) sawKeys(c *caller, v kv.Version, keys, values [][]byte) {
	r := &reading{by: c.machine.Name(), at: a.w.now(), version: v, keys: make([][]byte, len(keys)),
		values: make([][]byte, len(values))}
	for i := range keys {
		r.keys[i], r.values[i] = bytes.Clone(keys[i]), bytes.Clone(values[i])
	}
	a.reads = append(a.reads, r)
	if c.life != nil {
		a.owners.read(c.life, v, keys)
	}
}

func (a *audit) sawRange(c *caller, v kv.Version, begin, end []byte, opt kv.RangeOptions, pairs []kv.KeyValue,
	more bool) {
	r := &reading{by: c.machine.Name(), at: a.w.now(), version: v, begin: bytes.Clone(begin), end: bytes.Clone(end),
		reverse: opt.Reverse, more: more}
	for _, p := range pairs {
		r.pairs = append(r.pairs, kv.KeyValue{Key: bytes.Clone(p.Key), Value: bytes.Clone(p.Value)})
	}
	a.reads = append(a.reads, r)
}

// decided takes note of what the store has decided about a transaction.
func (a *audit) decided(c *caller, tx *ryw.Commit, done ryw.Committed, err error) {
	if err != nil {
		return
	}
	d := &deed{by: c.life, tx: tx, done: done, at: a.w.now()}
	a.txs = append(a.txs, d)
	a.w.events.tell(d)
	a.owners.happened(d)
	a.fencing(d)
}

// run goes through everything.
func (a *audit) run() {
	slices.SortFunc(a.txs, func(x, y *deed) int {
		return cmp.Or(cmp.Compare(x.done.Version, y.done.Version), cmp.Compare(x.done.Order, y.done.Order))
	})
	slices.SortStableFunc(a.reads, func(x, y *reading) int { return cmp.Compare(x.version, y.version) })
	reads := a.reads
	for _, d := range a.txs {
		for len(reads) > 0 && reads[0].version < d.done.Version {
			a.recall(reads[0])
			reads = reads[1:]
		}
		a.isolated(d)
		a.apply(d)
	}
	for _, r := range reads {
		a.recall(r)
	}
}

// isolated checks that nothing that a transaction has read was written between its read version and itself.
func (a *audit) isolated(d *deed) {
	if d.tx.ReadVersion == 0 {
		return
	}
	for _, r := range d.tx.ReadConflicts {
		a.cells.Ascend(string(r.Begin), func(key string, c *cell) bool {
			if key >= string(r.End) {
				return false
			}
			if c.version > d.tx.ReadVersion {
				a.w.violateAt(d.at, "store", "a transaction of %s read key %q at version %d and was committed at %d, "+
					"though the key was written at %d",
					d.who(), key, d.tx.ReadVersion, d.done.Version, c.version)
				return false
			}
			return true
		})
	}
}

func (d *deed) who() string {
	if d.by == nil {
		return "a client"
	}
	return sprintf("%s (process %d)", d.by.name, d.by.number)
}

// apply does what a transaction does, telling the owners' checks of every record.
func (a *audit) apply(d *deed) {
	changes := a.owners.begin(d)
	for _, m := range d.tx.Mutations {
		switch m.Kind {
		case ryw.MutationSet:
			changes.write(a.kind(m.Key), m.Value)
			a.set(string(m.Key), m.Value, d.done.Version)
		case ryw.MutationAtomic:
			a.set(string(m.Key), ryw.EvalAtomic(m.Op, a.value(string(m.Key)), m.Value), d.done.Version)
		case ryw.MutationClearRange:
			if d.by == nil {
				a.emptied(changes, m)
			}
			a.clear(string(m.Key), string(m.Value), d.done.Version)
		}
	}
	changes.end()
}

// emptied tells the owners' checks of records that an operator deletes.
func (a *audit) emptied(c *changes, m ryw.Mutation) {
	a.cells.Ascend(string(m.Key), func(key string, now *cell) bool {
		if key >= string(m.Value) {
			return false
		}
		if now.value != nil {
			c.erase(a.kind([]byte(key)))
		}
		return true
	})
}

func (a *audit) kind(key []byte) keyInfo {
	k, ok := a.kinds[string(key)]
	if !ok {
		k = describeKey(key)
		a.kinds[string(key)] = k
	}
	return k
}

func (a *audit) value(key string) []byte {
	if c, ok := a.cells.Get(key); ok {
		return c.value
	}
	return nil
}

func (a *audit) set(key string, value []byte, v kv.Version) {
	if value == nil {
		value = []byte{}
	}
	a.cells.Set(key, &cell{value: bytes.Clone(value), version: v})
}

func (a *audit) clear(begin, end string, v kv.Version) {
	a.cells.Ascend(begin, func(key string, c *cell) bool {
		if key < end {
			c.value, c.version = nil, v
		}
		return key < end
	})
}

// recall checks what somebody was told at a version, now that everything up to it has been done.
func (a *audit) recall(r *reading) {
	for i, key := range r.keys {
		if want := a.value(string(key)); !bytes.Equal(want, r.values[i]) || (want == nil) != (r.values[i] == nil) {
			a.w.violateAt(r.at, "store", "%s read key %q at version %d and got %q, not %q", r.by, key, r.version,
				clipped(r.values[i]), clipped(want))
			return
		}
	}
	if r.keys == nil {
		a.recallRange(r)
	}
}

func (a *audit) recallRange(r *reading) {
	left, ok := r.pairs, true
	visit := func(key string, c *cell) bool {
		if c.value == nil {
			return true
		}
		if len(left) == 0 {
			ok = ok && r.more
			return false
		}
		ok = ok && string(left[0].Key) == key && bytes.Equal(left[0].Value, c.value)
		left = left[1:]
		return ok
	}
	if r.reverse {
		a.cells.Descend(string(r.end), func(key string, c *cell) bool {
			if key >= string(r.end) {
				return true
			}
			return key >= string(r.begin) && visit(key, c)
		})
	} else {
		a.cells.Ascend(string(r.begin), func(key string, c *cell) bool { return key < string(r.end) && visit(key, c) })
	}
	if !ok || len(left) > 0 {
		a.w.violateAt(r.at, "store",
			"%s scanned %q to %q at version %d and got %d pairs, which are not what was there", r.by, r.begin, r.end,
			r.version, len(r.pairs))
	}
}

func clipped(b []byte) []byte { return b[:min(len(b), 60)] }

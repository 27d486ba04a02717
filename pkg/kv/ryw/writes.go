// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// keySpaceEnd ends the key space.
const keySpaceEnd = "\xff"

// writes is what a transaction has buffered: FoundationDB's WriteMap, as one
// structure for each of the four things that it knows of a key.
type writes struct {
	// changes is what is done to single keys.
	changes btree.Map[string, []change]
	// cleared is the keys that were cleared; those in changes as well were written after that.
	cleared rangeSet
	// unreadable is the keys that a versionstamped operation may write.
	unreadable rangeSet
	// conflicts is the write conflict ranges.
	conflicts rangeSet
	// early is mutations that come before all in changes and cleared.
	early []Mutation
}

// change is a set or an atomic operation. Several in a row are applied in
// order. All but the first are atomic operations; on a cleared key, the first is a set.
type change struct {
	op    kv.AtomicOp // opSet, or an atomic operation
	value []byte      // nil, of a set, is no value
}

// opSet stands for a set where an atomic operation is expected.
const opSet kv.AtomicOp = 0

// dependent reports whether the outcome of changes depends on the value in the store.
func dependent(changes []change) bool {
	first := changes[0].op
	return first != opSet && !isStamped(first)
}

// apply returns the value after changes, which are not versionstamped.
func apply(changes []change, value []byte) []byte {
	for _, c := range changes {
		if c.op == opSet {
			value = c.value
		} else {
			value = EvalAtomic(c.op, value, c.value)
		}
	}
	return value
}

func after(key string) string { return key + "\x00" }

// single returns the range of key alone, which shares memory with its end.
func single(key []byte) keyRange {
	end := string(key) + "\x00"
	return keyRange{begin: end[:len(key)], end: end}
}

func (w *writes) empty() bool {
	return w.changes.Len() == 0 && w.cleared.empty() && w.conflicts.empty() && len(w.early) == 0
}

// set buffers a set of the single key of r.
func (w *writes) set(r keyRange, value []byte) {
	w.conflicts.add(r.begin, r.end)
	w.change(r.begin, change{op: opSet, value: value})
}

// atomic buffers an atomic operation on the single key of r, other than one on a versionstamped key.
func (w *writes) atomic(op kv.AtomicOp, r keyRange, param []byte) {
	w.conflicts.add(r.begin, r.end)
	w.change(r.begin, change{op: op, value: param})
	if isStamped(op) {
		w.unreadable.add(r.begin, r.end)
	}
}

// stampedKey buffers a set of the key that template will be. All keys that it
// may be become unreadable: possible. What is buffered for them comes before it, and so do its likes: it has a place
// in the order of operations and none in that of keys. The store adds the write conflict.
func (w *writes) stampedKey(possible keyRange, template []byte, value []byte) {
	w.flush(possible)
	w.unreadable.add(possible.begin, possible.end)
	w.early = append(
		w.early, Mutation{Kind: MutationAtomic, Op: kv.AtomicSetVersionstampedKey, Key: template, Value: value})
}

// flush makes what is buffered for r come before all that follows.
func (w *writes) flush(r keyRange) {
	w.early = w.appendMutations(w.early, r)
	w.forget(r)
	w.cleared.remove(r.begin, r.end)
}

// clear buffers the clear of a range, which is not empty.
func (w *writes) clear(r keyRange) {
	w.forget(r)
	w.cleared.add(r.begin, r.end)
	w.unreadable.remove(r.begin, r.end)
	w.conflicts.add(r.begin, r.end)
}

// forget drops the changes of the keys of r.
func (w *writes) forget(r keyRange) {
	var keys []string
	w.changes.Ascend(r.begin, func(key string, _ []change) bool {
		if key < r.end {
			keys = append(keys, key)
		}
		return key < r.end
	})
	for _, key := range keys {
		w.changes.Delete(key)
	}
}

// change adds c to what is done to key, folded onto what is known.
func (w *writes) change(key string, c change) {
	changes, _ := w.changes.Get(key)
	independent := c.op == opSet || isStamped(c.op)
	unreadable := w.unreadable.contains(key)
	switch {
	case !unreadable && (c.op == opSet || c.op == kv.AtomicSetVersionstampedValue):
		changes = []change{c}
	case len(changes) == 0 && !independent && w.cleared.contains(key):
		changes = []change{fold(change{op: opSet}, c)}
	case len(changes) == 0 || unreadable || isStamped(c.op) || !folds(changes[len(changes)-1], c):
		changes = append(changes, c)
	default:
		last := len(changes) - 1
		changes[last] = fold(changes[last], c)
	}
	w.changes.Set(key, changes)
}

// folds reports whether c, an atomic operation, on top of last is the same as one change for every value in the store.
func folds(last, c change) bool {
	switch {
	case last.op == opSet:
		return true
	case last.op != c.op || c.op == kv.AtomicCompareAndClear:
		return false
	case c.op == kv.AtomicAnd || c.op == kv.AtomicAppendIfFits || c.op == kv.AtomicByteMin || c.op == kv.AtomicByteMax:
		return true
	}
	return len(last.value) == len(c.value) // the others are associative for one length only
}

// fold returns c on top of last, of which folds says that it is one change.
func fold(last, c change) change {
	return change{op: last.op, value: EvalAtomic(c.op, last.value, c.value)}
}

// mutations returns everything in an order in which it can be applied.
func (w *writes) mutations() []Mutation {
	return w.appendMutations(w.early, keyRange{"", keySpaceEnd})
}

// appendMutations appends what is buffered for the keys of r: clears first, for
// the changes were made on top of them.
func (w *writes) appendMutations(to []Mutation, r keyRange) []Mutation {
	for c, ok := w.cleared.endingAfter(r.begin); ok && c.begin < r.end; c, ok = w.cleared.endingAfter(c.end) {
		to = append(to, Mutation{
			Kind:  MutationClearRange,
			Key:   []byte(max(c.begin, r.begin)),
			Value: []byte(min(c.end, r.end)),
		})
	}
	w.changes.Ascend(r.begin, func(key string, changes []change) bool {
		if key >= r.end {
			return false
		}
		for _, c := range changes {
			to = append(to, c.mutation(key))
		}
		return true
	})
	return to
}

func (c change) mutation(key string) Mutation {
	switch {
	case c.op != opSet:
		return Mutation{Kind: MutationAtomic, Op: c.op, Key: []byte(key), Value: c.value}
	case c.value == nil:
		return Mutation{Kind: MutationClearRange, Key: []byte(key), Value: []byte(after(key))}
	}
	return Mutation{Kind: MutationSet, Key: []byte(key), Value: c.value}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"maps"
	"slices"
	"sort"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// universe is the keys that random transactions read and write, in order. All
// ranges that they use have their ends in it.
var universe = []string{
	"", "\x00", "a", "a\x00", "a\x00\x00", "a\x00\xff", "aa", "ab", "a\xff", "b", "b\x00", "ba", "bb", "c", "ca", "cb",
	"cc", "d", "d\xff\xff", "e",
}

// keySet is a set of indexes into universe. A range with its ends in the
// universe is the set of the keys in it: two such ranges overlap if the sets do.
type keySet uint32

const (
	// stampedSpace begins the keys that hold versionstamps, which follow those of the universe.
	stampedSpace = "\xfe"
	// stampedKeys stands for all keys with stamps.
	stampedKeys keySet = 1 << 31
)

func setOf(key string) keySet {
	i, _ := slices.BinarySearch(universe, key)
	return 1 << i
}

// setOfRange is the set of the keys in [begin, end); end need not be in the universe.
func setOfRange(begin, end string) keySet {
	s := keySet(0)
	if begin < end && end > stampedSpace {
		s |= stampedKeys
	}
	for i, key := range universe {
		if begin <= key && key < end {
			s |= 1 << i
		}
	}
	return s
}

// pairs is a state of the store.
type pairs map[string][]byte

func (p pairs) sorted() []string { return slices.Sorted(maps.Keys(p)) }

// model is a store in its simplest form: every state there has been.
type model struct {
	commits []modelCommit // in order; the first is the empty store
}

type modelCommit struct {
	version kv.Version
	wrote   keySet
	after   pairs
	stamp   string // "" if unknown
}

func newModel() *model { return &model{commits: []modelCommit{{after: pairs{}}}} }

func (m *model) last() modelCommit { return m.commits[len(m.commits)-1] }

// at is the state that a read version sees.
func (m *model) at(v kv.Version) pairs {
	i := sort.Search(len(m.commits), func(i int) bool { return m.commits[i].version > v })
	return m.commits[i-1].after
}

// wroteSince is the keys written at versions greater than v.
func (m *model) wroteSince(v kv.Version) keySet {
	s := keySet(0)
	for _, c := range m.commits {
		if c.version > v {
			s |= c.wrote
		}
	}
	return s
}

// modelTx is a transaction of the model.
type modelTx struct {
	model *model
	// readVersion is 0 until it is known.
	readVersion kv.Version
	writes      []modelWrite
	wrote       keySet
	// known is the keys whose value the transaction itself has determined: reading
	// them adds no conflict.
	known keySet
	// must and may bound the read conflict ranges from below and above.
	must, may keySet
	// compared is the keys with a compare-and-clear.
	compared keySet
	// unreadable is the keys that a versionstamped operation writes, also if they are set afterwards.
	unreadable keySet
	// stamp is the transaction's own, once it has one.
	stamp []byte
}

// modelWrite changes a state.
type modelWrite func(p pairs)

func (tx *modelTx) view() pairs {
	p := maps.Clone(tx.model.at(tx.readVersion))
	for _, w := range tx.writes {
		w(p)
	}
	return p
}

func (tx *modelTx) read(s keySet) {
	tx.must |= s &^ tx.known &^ stampedKeys // of which the new ones may lie beyond what was read
	tx.may |= s
}

func (tx *modelTx) set(key string, value []byte) {
	tx.writes = append(tx.writes, func(p pairs) { p[key] = value })
	tx.wrote |= setOf(key)
	tx.known |= setOf(key)
}

func (tx *modelTx) clearRange(begin, end string) {
	tx.writes = append(tx.writes, func(p pairs) {
		maps.DeleteFunc(p, func(key string, _ []byte) bool { return begin <= key && key < end })
	})
	tx.wrote |= setOfRange(begin, end)
	tx.known |= setOfRange(begin, end)
	tx.unreadable &^= setOfRange(begin, end)
}

// stampValue sets key to a template filled with the stamp.
func (tx *modelTx) stampValue(key string, template []byte) {
	tx.writes = append(tx.writes, func(p pairs) { p[key] = fillStamp(template, tx.stamp) })
	tx.wrote |= setOf(key)
	tx.known |= setOf(key)
	tx.unreadable |= setOf(key)
}

// stampKey sets the key that a template becomes, which begins with stampedSpace.
func (tx *modelTx) stampKey(template, value []byte) {
	tx.writes = append(tx.writes, func(p pairs) { p[string(fillStamp(template, tx.stamp))] = value })
	tx.wrote |= stampedKeys
	tx.unreadable |= stampedKeys
}

// fillStamp is what becomes of a template, which has room for a stamp.
func fillStamp(template, stamp []byte) []byte {
	filled := bytes.Clone(template[:len(template)-kv.StampOffsetBytes])
	if at, ok := kv.StampOffset(template); ok {
		copy(filled[at:], stamp)
	}
	return filled
}

func (tx *modelTx) atomic(op kv.AtomicOp, key string, param []byte) {
	tx.writes = append(tx.writes, func(p pairs) {
		if value := applyAtomic(op, p[key], param); value != nil {
			p[key] = value
		} else {
			delete(p, key)
		}
	})
	tx.wrote |= setOf(key)
	if op == kv.AtomicCompareAndClear {
		tx.compared |= setOf(key)
	}
}

// ghosts reports whether a compare-and-clear of the transaction's own leaves a key without a value. Selectors
// count such keys on their way; the recorded scripts show how.
func (tx *modelTx) ghosts() bool {
	gone := tx.compared
	for key := range tx.view() {
		gone &^= setOf(key)
	}
	return gone != 0
}

// commit makes the writes the newest state.
func (tx *modelTx) commit(v kv.Version) {
	after := maps.Clone(tx.model.last().after)
	for _, w := range tx.writes {
		w(after)
	}
	tx.model.commits = append(tx.model.commits,
		modelCommit{version: v, wrote: tx.wrote, after: after, stamp: string(tx.stamp)})
}

// get adds the conflict of a read of key and returns its value.
func (tx *modelTx) get(key string, snapshot bool) []byte {
	if !snapshot {
		tx.read(setOf(key))
	}
	return tx.view()[key]
}

// scan returns what Range has to, and whether it stops before the end of the range.
func (tx *modelTx) scan(begin, end string, opt kv.RangeOptions, snapshot bool) (found []kv.KeyValue, stopped bool) {
	view := tx.view()
	order := view.sorted()
	if opt.Reverse {
		slices.Reverse(order)
	}
	size, full := 0, false
	for _, key := range order {
		if key < begin || key >= end {
			continue
		}
		if full {
			stopped = true
			break
		}
		found = append(found, kv.KeyValue{Key: []byte(key), Value: view[key]})
		size += len(key) + len(view[key])
		full = len(found) == opt.Limit || opt.BytesMax > 0 && size >= opt.BytesMax
	}
	if full {
		begin, end = scanned(begin, end, string(found[len(found)-1].Key), opt.Reverse)
	}
	if !snapshot {
		tx.read(setOfRange(begin, end))
	}
	return found, stopped
}

// scanned is what has been read of a range when an answer is full: up to its last key.
func scanned(begin, end, last string, reverse bool) (string, string) {
	if reverse {
		return last, end
	}
	return begin, last + "\x00"
}

// getKey resolves a selector. Only the bounds of its conflict range are modelled:
// it lies between the selector's key and the result.
func (tx *modelTx) getKey(sel kv.KeySelector, snapshot bool) []byte {
	order := tx.view().sorted()
	at := sort.Search(len(order), func(i int) bool {
		if sel.OrEqual {
			return order[i] > string(sel.Key)
		}
		return order[i] >= string(sel.Key)
	})
	at += sel.Offset - 1
	found := []byte{}
	switch {
	case at >= len(order):
		found = []byte{0xff}
	case at >= 0:
		found = []byte(order[at])
	}
	if !snapshot {
		low, high := string(sel.Key), string(found)
		if bytes.Compare(sel.Key, found) > 0 {
			low, high = high, low
		}
		tx.may |= setOfRange(low, high+"\x00")
	}
	return found
}

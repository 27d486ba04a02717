// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// resolver knows at which version every key was last written, as far back as
// anyone may ask. It is not safe for concurrent use.
type resolver struct {
	// last divides the key space at the keys in it.
	last btree.Map[string, lastWrite]
	// wide is the number of entries whose gap is not 0.
	wide int
	// written holds what was recorded, in order, until it is forgotten.
	written []writtenAt
}

// lastWrite is the version at which a key was last written, and that at which
// the keys between it and the next entry were, all of them; 0 is long ago.
type lastWrite struct {
	key, gap kv.Version
}

// writtenAt is the entries of last that came with a version, and may go with it.
type writtenAt struct {
	version kv.Version
	entries []string
}

// keyRange is [begin, end), not empty.
type keyRange struct {
	begin, end string
}

// single reports whether the range is of one key.
func (r keyRange) single() bool {
	return len(r.end) == len(r.begin)+1 && r.end[len(r.begin)] == 0 && r.end[:len(r.begin)] == r.begin
}

// conflicts reports whether a key of ranges was written at a version greater than v.
func (r *resolver) conflicts(ranges []keyRange, v kv.Version) bool {
	for _, read := range ranges {
		if r.writtenAfter(read, v) {
			return true
		}
	}
	return false
}

func (r *resolver) writtenAfter(read keyRange, v kv.Version) (found bool) {
	single := read.single()
	r.last.Descend(read.begin, func(key string, w lastWrite) bool {
		if key == read.begin {
			found = w.key > v || !single && w.gap > v
		} else {
			found = w.gap > v
		}
		return false
	})
	if found || single {
		return found
	}
	r.last.Ascend(read.begin, func(key string, w lastWrite) bool {
		if key >= read.end {
			return false
		}
		found = w.key > v || w.gap > v && read.end != key+"\x00"
		return !found
	})
	return found
}

// record notes that ranges were written at version v, which is not less than
// any before.
func (r *resolver) record(ranges []keyRange, v kv.Version) {
	if n := len(r.written); n == 0 || r.written[n-1].version != v {
		r.written = append(r.written, writtenAt{version: v})
	}
	at := &r.written[len(r.written)-1]
	for _, written := range ranges {
		if written.single() {
			r.recordKey(written.begin, v)
			at.entries = append(at.entries, written.begin)
		} else {
			r.recordRange(written, v)
			at.entries = append(at.entries, written.begin, written.end)
		}
	}
}

func (r *resolver) recordKey(key string, v kv.Version) {
	before, had := r.last.Set(key, lastWrite{key: v})
	if r.wide == 0 {
		return
	}
	gap := before.gap
	if !had {
		gap = r.gapBelow(key)
	}
	if gap == 0 {
		return
	}
	r.last.Set(key, lastWrite{key: v, gap: gap})
	if !had {
		r.wide++
	}
}

func (r *resolver) recordRange(written keyRange, v kv.Version) {
	if _, had := r.last.Get(written.end); !had {
		gap := r.gapBelow(written.end)
		r.set(written.end, lastWrite{key: gap, gap: gap})
	}
	var covered []string
	r.last.Ascend(written.begin, func(key string, _ lastWrite) bool {
		if key < written.end {
			covered = append(covered, key)
		}
		return key < written.end
	})
	for _, key := range covered {
		r.delete(key)
	}
	r.set(written.begin, lastWrite{key: v, gap: v})
}

// gapBelow returns the version at which the keys directly before key were written.
func (r *resolver) gapBelow(key string) (gap kv.Version) {
	if r.wide == 0 {
		return 0
	}
	r.last.Descend(key, func(k string, w lastWrite) bool {
		if k == key {
			return true
		}
		gap = w.gap
		return false
	})
	return gap
}

func (r *resolver) set(key string, w lastWrite) {
	before, _ := r.last.Set(key, w)
	r.count(before, -1)
	r.count(w, +1)
}

func (r *resolver) delete(key string) {
	before, _ := r.last.Delete(key)
	r.count(before, -1)
}

func (r *resolver) count(w lastWrite, n int) {
	if w.gap != 0 {
		r.wide += n
	}
}

// forget drops what only matters for read versions less than floor. Each entry
// divides what two writes have left, the later of which has an end there: so it is enough to look at
// the ends of those writes that are as old.
func (r *resolver) forget(floor kv.Version) {
	old := 0
	for old < len(r.written) && r.written[old].version <= floor {
		for _, key := range r.written[old].entries {
			w, ok := r.last.Get(key)
			if ok && w.key <= floor && w.gap <= floor && r.gapBelow(key) <= floor {
				r.delete(key)
			}
		}
		old++
	}
	r.written = dropFront(r.written, old)
}

// dropFront removes the first n elements, in time that is amortised over those added.
func dropFront[T any](s []T, n int) []T {
	clear(s[:n])
	s = s[n:]
	if len(s) == 0 {
		return nil
	}
	return s
}

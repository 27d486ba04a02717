// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// resolver knows at which version every key was last written, as far back as
// anyone may ask. It is not safe for concurrent use.
//
// Nearly all that is read and written is single keys, so these are in a hash table. What a range read
// has to look at is found in the order of versions, if it is not much, which it seldom is for a fresh read version,
// or else in an index in the order of keys, which is brought up to date only then.
type resolver struct {
	// keys has the versions at which single keys were last written.
	keys map[string]kv.Version
	// wide has those of ranges of several keys: an entry holds up to the next.
	wide btree.Map[string, kv.Version]
	// written is what was recorded, in order of version, until it is forgotten.
	written []writtenAt
	// index has the keys of the first entries in written.
	index   btree.Map[string, struct{}]
	indexed int
}

// writtenAt is what was written at a version.
type writtenAt struct {
	version kv.Version
	keys    []string
	ends    []string // of ranges: the entries of wide that came with them
}

// scanMax is how many keys a range read looks at in the order of versions: about what one
// search of an index takes.
const scanMax = 256

// keyRange is [begin, end), not empty.
type keyRange struct {
	begin, end string
}

// single reports whether the range is of one key.
func (r keyRange) single() bool {
	return len(r.end) == len(r.begin)+1 && r.end[len(r.begin)] == 0 && r.end[:len(r.begin)] == r.begin
}

func newResolver() *resolver { return &resolver{keys: make(map[string]kv.Version)} }

// conflicts reports whether a key of ranges was written at a version greater than v.
func (r *resolver) conflicts(ranges []keyRange, v kv.Version) bool {
	for _, read := range ranges {
		if read.single() && r.keys[read.begin] > v || !read.single() && r.keyWrittenAfter(read, v) ||
			r.wideWrittenAfter(read, v) {
			return true
		}
	}
	return false
}

// keyWrittenAfter looks for single keys.
func (r *resolver) keyWrittenAfter(read keyRange, v kv.Version) bool {
	left := scanMax
	for i := len(r.written) - 1; i >= r.indexed && r.written[i].version > v; i-- {
		if left -= len(r.written[i].keys); left < 0 {
			r.indexAll()
			break
		}
		for _, key := range r.written[i].keys {
			if read.begin <= key && key < read.end {
				return true
			}
		}
	}
	if r.indexed == 0 || r.written[r.indexed-1].version <= v {
		return false
	}
	found := false
	r.index.Ascend(read.begin, func(key string, _ struct{}) bool {
		if key >= read.end {
			return false
		}
		found = r.keys[key] > v
		return !found
	})
	return found
}

func (r *resolver) indexAll() {
	for ; r.indexed < len(r.written); r.indexed++ {
		for _, key := range r.written[r.indexed].keys {
			r.index.Set(key, struct{}{})
		}
	}
}

// wideWrittenAfter looks for ranges.
func (r *resolver) wideWrittenAfter(read keyRange, v kv.Version) bool {
	if r.wide.Len() == 0 {
		return false
	}
	if r.wideAt(read.begin) > v {
		return true
	}
	found := false
	r.wide.Ascend(read.begin, func(key string, at kv.Version) bool {
		if key >= read.end {
			return false
		}
		found = at > v
		return !found
	})
	return found
}

// wideAt returns the version at which a range with key in it was last written, 0 if that is long ago.
func (r *resolver) wideAt(key string) (v kv.Version) {
	r.wide.Descend(key, func(_ string, at kv.Version) bool {
		v = at
		return false
	})
	return v
}

// wideBefore is wideAt for the keys directly before key.
func (r *resolver) wideBefore(key string) (v kv.Version) {
	r.wide.Descend(key, func(k string, at kv.Version) bool {
		if k == key {
			return true
		}
		v = at
		return false
	})
	return v
}

// record notes that ranges were written at version v, which is not less than
// any before.
func (r *resolver) record(ranges []keyRange, v kv.Version) {
	if n := len(r.written); n == 0 || n == r.indexed || r.written[n-1].version != v {
		r.written = append(r.written, writtenAt{version: v})
	}
	at := &r.written[len(r.written)-1]
	for _, written := range ranges {
		if written.single() {
			r.keys[written.begin] = v
			at.keys = append(at.keys, written.begin)
		} else {
			r.recordWide(written, v)
			at.ends = append(at.ends, written.begin, written.end)
		}
	}
}

func (r *resolver) recordWide(written keyRange, v kv.Version) {
	if _, ok := r.wide.Get(written.end); !ok {
		r.wide.Set(written.end, r.wideBefore(written.end))
	}
	var covered []string
	r.wide.Ascend(written.begin, func(key string, _ kv.Version) bool {
		if key < written.end {
			covered = append(covered, key)
		}
		return key < written.end
	})
	for _, key := range covered {
		r.wide.Delete(key)
	}
	r.wide.Set(written.begin, v)
}

// forget drops what only matters for read versions less than floor.
func (r *resolver) forget(floor kv.Version) {
	old := 0
	for ; old < len(r.written) && r.written[old].version <= floor; old++ {
		for _, key := range r.written[old].keys {
			if r.keys[key] <= floor {
				delete(r.keys, key)
				r.index.Delete(key)
			}
		}
		for _, key := range r.written[old].ends {
			r.forgetEnd(key, floor)
		}
	}
	r.written = dropFront(r.written, old)
	r.indexed = max(0, r.indexed-old)
}

// forgetEnd drops an entry of wide if both sides of it are old. Of the writes that made the two sides, the
// later one ends there: so whichever entry can be dropped is looked at again when it is.
func (r *resolver) forgetEnd(key string, floor kv.Version) {
	if at, ok := r.wide.Get(key); ok && at <= floor && r.wideBefore(key) <= floor {
		r.wide.Delete(key)
	}
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

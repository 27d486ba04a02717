// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// resolver knows at which version every key was last written, as far back as its floor. It is a map from keys to
// versions in which each entry holds up to the next: as FoundationDB's resolver does with a skip list
// (fdbserver/SkipList.cpp), here on a B-tree. It is not safe for concurrent use.
type resolver struct {
	spans *btree.BTreeG[span]
	// floor is the version up to which nothing is known any longer.
	floor kv.Version
	// history has the begins of spans in order of version, so that old ones can be found.
	history []span
}

// span says that keys from begin on, up to the next span, were last written at version.
type span struct {
	begin   string
	version kv.Version
}

func newResolver(floor kv.Version) *resolver {
	r := &resolver{floor: floor, spans: btree.NewBTreeGOptions(func(a, b span) bool { return a.begin < b.begin }, btree.Options{NoLocks: true})}
	r.spans.Set(span{})
	return r
}

// conflicts reports whether any of the ranges was written at a version greater than read.
func (r *resolver) conflicts(ranges []ryw.KeyRange, read kv.Version) bool {
	for _, kr := range ranges {
		if r.writtenAfter(string(kr.Begin), string(kr.End), read) {
			return true
		}
	}
	return false
}

func (r *resolver) writtenAfter(begin, end string, read kv.Version) bool {
	if begin >= end {
		return false
	}
	if r.at(begin) > read {
		return true
	}
	found := false
	r.spans.Ascend(span{begin: begin}, func(s span) bool {
		if s.begin >= end {
			return false
		}
		found = s.version > read
		return !found
	})
	return found
}

// at returns the version at which key was last written.
func (r *resolver) at(key string) (v kv.Version) {
	r.spans.Descend(span{begin: key}, func(s span) bool {
		v = s.version
		return false
	})
	return v
}

// write notes that the ranges were written at version v, the greatest so far.
func (r *resolver) write(ranges []ryw.KeyRange, v kv.Version) {
	for _, kr := range ranges {
		begin, end := string(kr.Begin), string(kr.End)
		if begin >= end {
			continue
		}
		after := r.at(end)
		r.cover(begin, end)
		r.put(span{begin, v})
		if _, ok := r.spans.Get(span{begin: end}); !ok {
			r.put(span{end, after})
		}
	}
}

// cover removes the spans that begin in [begin, end).
func (r *resolver) cover(begin, end string) {
	var covered []span
	r.spans.Ascend(span{begin: begin}, func(s span) bool {
		if s.begin >= end {
			return false
		}
		covered = append(covered, s)
		return true
	})
	for _, s := range covered {
		r.spans.Delete(s)
	}
}

func (r *resolver) put(s span) {
	r.spans.Set(s)
	r.history = append(r.history, s)
}

// forget raises the floor. Spans that say no more than that they are at or below it are merged.
func (r *resolver) forget(floor kv.Version) {
	if floor <= r.floor {
		return
	}
	r.floor = floor
	kept := 0
	for kept < len(r.history) && r.history[kept].version <= floor {
		r.merge(r.history[kept].begin)
		kept++
	}
	r.history = r.history[kept:]
}

// merge drops the span that begins at a key if both it and the one before are at or below the floor.
func (r *resolver) merge(begin string) {
	s, ok := r.spans.Get(span{begin: begin})
	if !ok || s.version > r.floor || begin == "" {
		return
	}
	before := kv.Version(0)
	r.spans.Descend(span{begin: begin}, func(p span) bool {
		before = p.version
		return p.begin == begin
	})
	if before <= r.floor {
		r.spans.Delete(s)
	}
}

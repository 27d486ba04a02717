// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import "github.com/tidwall/btree"

// rangeSet is a set of keys, as disjoint half-open ranges with gaps between
// them. Ends are at most keySpaceEnd.
type rangeSet struct {
	ends btree.Map[string, string] // by beginning
}

// keyRange is [begin, end).
type keyRange struct{ begin, end string }

func (s *rangeSet) empty() bool { return s.ends.Len() == 0 }

// add adds [begin, end), which is not empty.
func (s *rangeSet) add(begin, end string) {
	if r, ok := s.below(begin); ok && r.end >= begin {
		begin, end = r.begin, max(end, r.end)
	}
	for {
		r, ok := s.from(begin)
		if !ok || r.begin > end {
			break
		}
		end = max(end, r.end)
		s.ends.Delete(r.begin)
	}
	s.ends.Set(begin, end)
}

// remove removes [begin, end), which is not empty.
func (s *rangeSet) remove(begin, end string) {
	if r, ok := s.below(begin); ok && r.end > begin {
		s.ends.Set(r.begin, begin)
		if r.end > end {
			s.ends.Set(end, r.end)
		}
	}
	for {
		r, ok := s.from(begin)
		if !ok || r.begin >= end {
			return
		}
		s.ends.Delete(r.begin)
		if r.end > end {
			s.ends.Set(end, r.end)
			return
		}
	}
}

func (s *rangeSet) contains(key string) bool {
	r, ok := s.endingAfter(key)
	return ok && r.begin <= key
}

// endingAfter returns the first range that ends after key: it contains it, or
// is the next.
func (s *rangeSet) endingAfter(key string) (keyRange, bool) {
	if r, ok := s.below(key); ok && r.end > key {
		return r, true
	}
	return s.from(key)
}

// below returns the last range that begins before key.
func (s *rangeSet) below(key string) (r keyRange, ok bool) {
	if s.empty() {
		return r, false
	}
	s.ends.Descend(key, func(begin, end string) bool {
		if begin == key {
			return true
		}
		r, ok = keyRange{begin, end}, true
		return false
	})
	return r, ok
}

// from returns the first range that begins at key or after it.
func (s *rangeSet) from(key string) (r keyRange, ok bool) {
	if s.empty() {
		return r, false
	}
	s.ends.Ascend(key, func(begin, end string) bool {
		r, ok = keyRange{begin, end}, true
		return false
	})
	return r, ok
}

// all returns the ranges in order.
func (s *rangeSet) all() []KeyRange {
	if s.empty() {
		return nil
	}
	n := 0
	s.ends.Scan(func(begin, end string) bool {
		n += len(begin) + len(end)
		return true
	})
	ranges, buf := make([]KeyRange, 0, s.ends.Len()), make(arena, 0, n)
	s.ends.Scan(func(begin, end string) bool {
		ranges = append(ranges, KeyRange{Begin: buf.bytes(begin), End: buf.bytes(end)})
		return true
	})
	return ranges
}

// arena is a buffer of which the pieces are used apart.
type arena []byte

// bytes returns a copy of s. The arena must have room for it.
func (a *arena) bytes(s string) []byte {
	at := len(*a)
	*a = append(*a, s...)
	return (*a)[at:len(*a):len(*a)]
}

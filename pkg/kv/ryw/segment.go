// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

// segment is a range of keys of which a transaction's writes say the same:
// [begin, end) is unmodified, or cleared, or is one key with changes.
type segment struct {
	keyRange
	cleared bool
	changes []change
}

// readsStore reports whether the values of the segment depend on those in the store.
func (s segment) readsStore() bool {
	if s.changes != nil {
		return dependent(s.changes)
	}
	return !s.cleared
}

// at returns the segment that contains key, from key on.
func (w *writes) at(key string) segment {
	s := segment{keyRange: keyRange{key, keySpaceEnd}}
	if next, changes, ok := w.changedFrom(key); ok {
		if next == key {
			s.end, s.changes = after(key), changes
			return s
		}
		s.end = next
	}
	if c, ok := w.cleared.endingAfter(key); ok {
		if c.begin <= key {
			s.end, s.cleared = min(s.end, c.end), true
		} else {
			s.end = min(s.end, c.begin)
		}
	}
	return s
}

// before returns the segment that contains the keys directly before key, up to key.
func (w *writes) before(key string) segment {
	s := segment{keyRange: keyRange{"", key}}
	if last, changes, ok := w.changedBelow(key); ok {
		if after(last) == key {
			s.begin, s.changes = last, changes
			return s
		}
		s.begin = after(last)
	}
	if c, ok := w.cleared.below(key); ok {
		if c.end >= key {
			s.begin, s.cleared = max(s.begin, c.begin), true
		} else {
			s.begin = max(s.begin, c.end)
		}
	}
	return s
}

// changedFrom returns the first key with changes that is not before from.
func (w *writes) changedFrom(from string) (key string, changes []change, ok bool) {
	if w.changes.Len() == 0 {
		return "", nil, false
	}
	w.changes.Ascend(from, func(k string, c []change) bool {
		key, changes, ok = k, c, true
		return false
	})
	return key, changes, ok
}

// changedBelow returns the last key with changes that is before to.
func (w *writes) changedBelow(to string) (key string, changes []change, ok bool) {
	if w.changes.Len() == 0 {
		return "", nil, false
	}
	w.changes.Descend(to, func(k string, c []change) bool {
		if k == to {
			return true
		}
		key, changes, ok = k, c, true
		return false
	})
	return key, changes, ok
}

// addRead adds to conflicts what of [begin, end) has been read from the store,
// leaving out what the transaction itself determines.
func (w *writes) addRead(conflicts *rangeSet, begin, end string) {
	end = min(end, keySpaceEnd)
	for begin < end {
		s := w.at(begin)
		if s.readsStore() {
			conflicts.add(begin, min(s.end, end))
		}
		begin = s.end
	}
}

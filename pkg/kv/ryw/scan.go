// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// pageRowsMax bounds the pairs asked for in a first page. Later ones, needed where much of
// the store is hidden by what was written, ask for twice as many each.
const pageRowsMax = 1 << 20

// emitFunc takes a pair of a scan and returns false to stop it. A key that the transaction's own atomic
// operations have cleared comes with exists false.
type emitFunc func(pair kv.KeyValue, exists bool) bool

// scan calls emit with the pairs of r as the transaction sees them, in order or
// in reverse, until it returns false. It fails with ErrUnreadable when it comes to an
// unreadable key. pageRows, if not 0, is how many pairs emit is likely to take;
// pageBytes is for RangeOptions.
func (t *tx) scan(ctx context.Context, r keyRange, reverse bool, pageRows, pageBytes int, emit emitFunc) error {
	readable, whole := t.writes.readable(r, reverse)
	s := scanner{
		writes:  &t.writes,
		reverse: reverse,
		emit:    emit,
		store: store{tx: t, writes: &t.writes, rest: readable, reverse: reverse, pageRows: pageRows,
			pageBytes: pageBytes},
	}
	stopped, err := s.run(ctx, readable)
	if err == nil && !stopped && !whole {
		return kv.ErrUnreadable
	}
	return err
}

// readable returns what of r comes before the first unreadable key, and
// whether that is the whole of it.
func (w *writes) readable(r keyRange, reverse bool) (part keyRange, whole bool) {
	if r.begin >= r.end {
		return r, true
	}
	if reverse {
		if u, ok := w.unreadable.below(r.end); ok && u.end > r.begin {
			return keyRange{min(u.end, r.end), r.end}, false
		}
		return r, true
	}
	if u, ok := w.unreadable.endingAfter(r.begin); ok && u.begin < r.end {
		return keyRange{r.begin, max(u.begin, r.begin)}, false
	}
	return r, true
}

// scanner merges what a transaction has written with the pairs of the store.
type scanner struct {
	writes  *writes
	reverse bool
	emit    emitFunc
	store   store
}

// run goes through the segments of r and reports whether emit has stopped it.
func (s *scanner) run(ctx context.Context, r keyRange) (stopped bool, err error) {
	for r.begin < r.end {
		var seg segment
		if s.reverse {
			seg = s.writes.before(r.end)
			seg.begin = max(seg.begin, r.begin)
			r.end = seg.begin
		} else {
			seg = s.writes.at(r.begin)
			seg.end = min(seg.end, r.end)
			r.begin = seg.end
		}
		if stopped, err := s.segment(ctx, seg); stopped || err != nil {
			return stopped, err
		}
	}
	return false, nil
}

func (s *scanner) segment(ctx context.Context, seg segment) (stopped bool, err error) {
	switch {
	case seg.changes != nil:
		return s.written(ctx, seg)
	case seg.cleared:
		return false, nil
	}
	for {
		pair, err := s.store.next(ctx, seg.keyRange)
		if pair == nil || err != nil {
			return false, err
		}
		if !s.emit(*pair, true) {
			return true, nil
		}
	}
}

func (s *scanner) written(ctx context.Context, seg segment) (stopped bool, err error) {
	var value []byte
	if dependent(seg.changes) {
		pair, err := s.store.next(ctx, seg.keyRange)
		if err != nil {
			return false, err
		}
		if pair != nil {
			value = pair.Value
		}
	}
	value = apply(seg.changes, value)
	return !s.emit(kv.KeyValue{Key: []byte(seg.begin), Value: owned(value)}, value != nil), nil
}

// store is the pairs of the store in the order of a scan, read a page at a
// time. Pages reach over single keys that the transaction has written, so that
// these don't cost a read each, but not over what it has cleared.
type store struct {
	tx        *tx
	writes    *writes
	reverse   bool
	pageRows  int
	pageBytes int

	pages int
	page  []kv.KeyValue // read and not yet passed
	rest  keyRange      // not yet read
}

// next passes the next pair and returns it if it is in r; if it is beyond, it
// returns nil. Pairs before r are passed over.
func (s *store) next(ctx context.Context, r keyRange) (*kv.KeyValue, error) {
	for {
		for len(s.page) > 0 {
			pair := &s.page[0]
			if s.beyond(string(pair.Key), r) {
				return nil, nil
			}
			s.page = s.page[1:]
			if s.within(string(pair.Key), r) {
				return pair, nil
			}
		}
		if max(s.rest.begin, r.begin) >= min(s.rest.end, r.end) {
			return nil, nil
		}
		if s.reverse {
			s.rest.end = min(s.rest.end, r.end)
		} else {
			s.rest.begin = max(s.rest.begin, r.begin)
		}
		if err := s.read(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *store) beyond(key string, r keyRange) bool {
	if s.reverse {
		return key < r.begin
	}
	return key >= r.end
}

func (s *store) within(key string, r keyRange) bool { return r.begin <= key && key < r.end }

// read gets the next page.
func (s *store) read(ctx context.Context) error {
	opt := kv.RangeOptions{Limit: min(s.pageRows, pageRowsMax) << min(s.pages, 10), BytesMax: s.pageBytes,
		Reverse: s.reverse}
	s.pages++
	r := s.uncleared()
	pairs, more, err := s.tx.readRange(ctx, r, opt)
	if err != nil {
		return err
	}
	s.page = pairs
	if more && len(pairs) > 0 {
		last := string(pairs[len(pairs)-1].Key)
		if s.reverse {
			r.begin = last
		} else {
			r.end = after(last)
		}
	}
	if s.reverse {
		s.rest.end = r.begin
	} else {
		s.rest.begin = r.end
	}
	return nil
}

// uncleared returns the rest up to the next cleared range of more than one key.
func (s *store) uncleared() keyRange {
	r := s.rest
	if s.reverse {
		for c, ok := s.writes.cleared.below(r.end); ok && c.end > r.begin; c, ok = s.writes.cleared.below(c.begin) {
			if c.end != after(c.begin) {
				return keyRange{min(c.end, r.end), r.end}
			}
		}
		return r
	}
	for c, ok := s.writes.cleared.endingAfter(r.begin); ok && c.begin < r.end; c, ok = s.writes.cleared.endingAfter(
		c.end) {
		if c.end != after(c.begin) {
			return keyRange{r.begin, max(c.begin, r.begin)}
		}
	}
	return r
}

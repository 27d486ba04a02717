// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// view is a Pebble snapshot shared by those who hold it.
type view struct {
	db     *DB
	pebble *pebble.Snapshot
	// refs counts the holders; guarded by db.mu.
	refs int
}

// release gives up one holder's share; the last one's closes the snapshot, which nothing waits for but the end of the
// store: Pebble then looks for something to compact, and waits for the manifest, which may be waiting for room.
func (w *view) release() {
	w.db.mu.Lock()
	w.refs--
	last := w.refs == 0
	w.db.mu.Unlock()
	if last {
		w.db.released.Go(w.close)
	}
}

func (w *view) close() {
	if err := w.pebble.Close(); err != nil {
		_ = w.db.fail(err) // the next Apply returns it
	}
}

// snapshot is one holder's share of a view.
type snapshot struct {
	view *view
}

// Get implements occ.Snapshot.
func (s *snapshot) Get(key []byte) ([]byte, error) {
	found, closer, err := s.view.pebble.Get(userKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, readError(err)
	}
	value := append([]byte{}, found...)
	return value, closer.Close()
}

// Range implements occ.Snapshot.
func (s *snapshot) Range(begin, end []byte, reverse bool, f func(key, value []byte) bool) error {
	if bytes.Compare(begin, end) >= 0 {
		return nil
	}
	it, err := s.view.pebble.NewIter(&pebble.IterOptions{LowerBound: userKey(begin), UpperBound: userKey(end)})
	if err != nil {
		return readError(err)
	}
	scanErr := scan(it, reverse, f)
	if err := it.Close(); err != nil {
		return readError(err)
	}
	return scanErr
}

func scan(it *pebble.Iterator, reverse bool, f func(key, value []byte) bool) error {
	first, next := it.First, it.Next
	if reverse {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return readError(err)
		}
		if !f(it.Key()[1:], value) {
			return nil
		}
	}
	return nil
}

// Close implements occ.Snapshot.
func (s *snapshot) Close() error {
	s.view.release()
	return nil
}

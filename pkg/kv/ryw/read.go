// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"bytes"
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// reader is a transaction's kv.Reader, with conflicts or, as a snapshot, without.
type reader struct {
	*tx
	snapshot bool
}

// owned returns a copy for a caller, which is not nil.
func owned(value []byte) []byte { return append([]byte{}, value...) }

// read runs a read if there may be one, and keeps a store's error for the commit.
func (r reader) read(f func() error) error {
	if err := r.usable(); err != nil {
		return err
	}
	err := f()
	if cancelled := r.usable(); cancelled != nil {
		return cancelled
	}
	var storeErr *kv.Error
	if err != nil && r.readErr == nil && errors.As(err, &storeErr) {
		r.readErr = err
	}
	return err
}

// Get implements kv.Reader.
func (r reader) Get(ctx context.Context, key []byte) ([]byte, error) {
	values, err := r.GetAll(ctx, key)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// GetAll implements kv.Reader.
func (r reader) GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	for _, key := range keys {
		if string(key) >= keySpaceEnd {
			return nil, r.outOfRange()
		}
	}
	var values [][]byte
	err := r.read(func() (err error) {
		values, err = r.getAll(ctx, keys)
		return err
	})
	return values, err
}

// outOfRange is the error of a read outside of the key space, which harms nothing else.
func (r reader) outOfRange() error {
	if err := r.usable(); err != nil {
		return err
	}
	return kv.ErrOutOfRange
}

func (r reader) getAll(ctx context.Context, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	segments := make([]segment, len(keys))
	var missing [][]byte
	for i, key := range keys {
		if len(key) > kv.KeyBytesMax {
			continue // there is no such key
		}
		if r.writes.unreadable.contains(string(key)) {
			return nil, kv.ErrUnreadable
		}
		segments[i] = r.writes.at(string(key))
		if segments[i].readsStore() {
			missing = append(missing, key)
		}
	}
	stored, err := r.readKeys(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		if len(key) > kv.KeyBytesMax {
			continue
		}
		if segments[i].readsStore() {
			values[i], stored = stored[0], stored[1:]
			r.addConflict(string(key), after(string(key)))
		}
		if segments[i].changes != nil {
			if value := apply(segments[i].changes, values[i]); value != nil {
				values[i] = owned(value)
			} else {
				values[i] = nil
			}
		}
	}
	return values, nil
}

// Range implements kv.Reader.
func (r reader) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) (pairs []kv.KeyValue, more bool,
	err error) {
	if string(begin) > keySpaceEnd || string(end) > keySpaceEnd {
		return nil, false, r.outOfRange()
	}
	err = r.read(func() error {
		if bytes.Compare(begin, end) >= 0 {
			return nil
		}
		pairs, more, err = r.getRange(ctx, keyRange{string(begin), string(end)}, opt)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return pairs, more, nil
}

func (r reader) getRange(ctx context.Context, span keyRange, opt kv.RangeOptions) (pairs []kv.KeyValue, more bool,
	err error) {
	bytesMax := opt.BytesMax
	if bytesMax == 0 {
		bytesMax = kv.DefaultRangeBytes
	}
	err = r.scan(ctx, span, opt.Reverse, max(0, opt.Limit), bytesMax, func(pair kv.KeyValue, exists bool) bool {
		if !exists {
			return true
		}
		pairs = append(pairs, pair)
		bytesMax -= len(pair.Key) + len(pair.Value)
		more = len(pairs) == opt.Limit || bytesMax <= 0
		return !more
	})
	if err != nil {
		return nil, false, err
	}
	if more {
		last := string(pairs[len(pairs)-1].Key)
		if opt.Reverse {
			span.begin = last
		} else {
			span.end = after(last)
		}
	}
	r.addConflict(span.begin, span.end)
	return pairs, more, nil
}

// GetKey implements kv.Reader.
func (r reader) GetKey(ctx context.Context, sel kv.KeySelector) (key []byte, err error) {
	if string(sel.Key) > keySpaceEnd {
		return nil, r.outOfRange()
	}
	err = r.read(func() error {
		key, err = r.getKey(ctx, sel)
		return err
	})
	return key, err
}

func (r reader) getKey(ctx context.Context, sel kv.KeySelector) ([]byte, error) {
	base := string(sel.Key)
	if sel.OrEqual {
		base = after(base)
	}
	if sel.Offset > 0 {
		found, err := r.nth(ctx, keyRange{base, keySpaceEnd}, false, sel.Offset)
		if err != nil {
			return nil, err
		}
		r.addConflict(base, after(string(found)))
		return found, nil
	}
	found, err := r.nth(ctx, keyRange{"", min(base, keySpaceEnd)}, true, 1-sel.Offset)
	if err != nil {
		return nil, err
	}
	r.addConflict(string(found), base)
	return found, nil
}

// nth returns the nth key of span, or the end of the key space in the scan's
// direction if there are fewer. As on FoundationDB, keys that the transaction's own compare-and-clears
// have cleared count on the way, but are not returned.
func (r reader) nth(ctx context.Context, span keyRange, reverse bool, n int) ([]byte, error) {
	found := []byte(keySpaceEnd)
	if reverse {
		found = []byte{}
	}
	left := n
	err := r.scan(ctx, span, reverse, n, kv.DefaultRangeBytes, func(pair kv.KeyValue, exists bool) bool {
		if left > 1 {
			left--
			return true
		}
		if exists {
			found = pair.Key
		}
		return !exists
	})
	return found, err
}

func (r reader) addConflict(begin, end string) {
	if !r.snapshot {
		r.writes.addRead(&r.readConflicts, begin, end)
	}
}

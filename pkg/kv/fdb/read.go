// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"bytes"
	"context"
	"errors"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// reader is a transaction's kv.Reader, with conflicts or, as a snapshot, without.
type reader struct {
	*tx
	snapshot bool
}

// Snapshot implements kv.Tx.
func (r reader) Snapshot() kv.Reader { return reader{tx: r.tx, snapshot: true} }

// source is where FoundationDB reads from.
func (r reader) source() fdb.ReadTransaction {
	if r.snapshot {
		return r.fdb.Snapshot()
	}
	return r.fdb
}

// read runs a read if there may be one, and keeps a store's error for the commit.
func (t *tx) read(ctx context.Context, f func() error) error {
	if err := t.usable(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t.store.closed() {
		return errClosed
	}
	t.versioned = true
	err := f()
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err // whatever it is: a cause may be a store's error, which must not become this transaction's
	}
	err = readError(err)
	if err != nil && t.store.closed() {
		return errClosed
	}
	if ended := t.usable(); ended != nil {
		return ended
	}
	if t.readErr == nil {
		t.readErr = err
	}
	return err
}

// refuse is the error of a read that can't be, which harms nothing else.
func (t *tx) refuse(err error) error {
	if ended := t.usable(); ended != nil {
		return ended
	}
	return err
}

// Get implements kv.Reader.
func (r reader) Get(ctx context.Context, key []byte) (value []byte, err error) {
	if err := kv.CheckKey(key); err != nil {
		return nil, r.refuse(err)
	}
	err = r.read(ctx, func() error {
		future := r.source().Get(fdb.Key(r.space().pack(key)))
		if err := r.store.await(ctx, future); err != nil {
			return err
		}
		value, err = future.Get()
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// GetAll implements kv.Reader.
func (r reader) GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	for _, key := range keys {
		if err := kv.CheckKey(key); err != nil {
			return nil, r.refuse(err)
		}
	}
	if len(keys) == 0 {
		return nil, r.usable()
	}
	values := make([][]byte, len(keys))
	err := r.read(ctx, func() error { return r.getAll(ctx, keys, values) })
	if err != nil {
		return nil, err
	}
	return values, nil
}

// getAll starts all reads before it waits for any.
func (r reader) getAll(ctx context.Context, keys, values [][]byte) error {
	started := make([]fdb.FutureByteSlice, len(keys))
	futures := make([]fdb.Future, len(keys))
	source := r.source()
	for i, key := range keys {
		started[i] = source.Get(fdb.Key(r.space().pack(key)))
		futures[i] = started[i]
	}
	if err := r.store.await(ctx, futures...); err != nil {
		return err
	}
	for i, future := range started {
		value, err := future.Get()
		if err != nil {
			return err
		}
		values[i] = value
	}
	return nil
}

// GetKey implements kv.Reader.
func (r reader) GetKey(ctx context.Context, sel kv.KeySelector) ([]byte, error) {
	if err := kv.CheckEnd(sel.Key); err != nil {
		return nil, r.refuse(err)
	}
	var found []byte
	err := r.read(ctx, func() error {
		future := r.source().GetKey(fdb.KeySelector{
			Key:     fdb.Key(r.space().pack(sel.Key)),
			OrEqual: sel.OrEqual,
			Offset:  sel.Offset,
		})
		err := r.store.await(ctx, future)
		if err == nil {
			found, err = future.Get()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.space().clamp(found), nil
}

// Range implements kv.Reader. If ctx ends while it waits, the transaction is cancelled.
func (r reader) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) (pairs []kv.KeyValue, more bool,
	err error) {
	for _, key := range [][]byte{begin, end} {
		if err := kv.CheckEnd(key); err != nil {
			return nil, false, r.refuse(err)
		}
	}
	if bytes.Compare(begin, end) >= 0 {
		return nil, false, r.usable()
	}
	var found page
	err = r.read(ctx, func() error {
		if found, err = r.scan(ctx, begin, end, opt); err != nil {
			return err
		}
		if r.snapshot {
			return nil
		}
		return r.addRangeConflict(begin, end, found, opt.Reverse)
	})
	if err != nil {
		return nil, false, err
	}
	return found.pairs, found.more, nil
}

// addRangeConflict adds the conflict range of what was returned. FoundationDB's would be that of all that the client
// has fetched, which is more.
func (r reader) addRangeConflict(begin, end []byte, found page, reverse bool) error {
	if found.more {
		last := found.pairs[len(found.pairs)-1].Key
		if reverse {
			begin = last
		} else {
			end = kv.KeyAfter(last)
		}
	}
	return r.fdb.AddReadConflictRange(r.keyRange(begin, end))
}

func (t *tx) keyRange(begin, end []byte) fdb.KeyRange {
	return fdb.KeyRange{Begin: fdb.Key(t.space().pack(begin)), End: fdb.Key(t.space().pack(end))}
}

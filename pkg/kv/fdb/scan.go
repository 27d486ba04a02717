// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"cmp"
	"context"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// wantAllBytes is about the size of the batches in which FoundationDB's client fetches a range that is wanted
// as a whole. For less, it begins with small batches.
const wantAllBytes = 80_000

// page is the answer to a range read.
type page struct {
	pairs []kv.KeyValue
	more  bool
}

// scan reads a page of [begin, end), which is not empty, without conflicts.
func (r reader) scan(ctx context.Context, begin, end []byte, opt kv.RangeOptions) (page, error) {
	bytesMax := cmp.Or(opt.BytesMax, kv.DefaultRangeBytes)
	mode := fdb.StreamingModeWantAll
	if bytesMax < wantAllBytes {
		mode = fdb.StreamingModeIterator
	}
	rows := r.fdb.Snapshot().GetRange(r.keyRange(begin, end), fdb.RangeOptions{
		Limit:   opt.Limit,
		Mode:    mode,
		Reverse: opt.Reverse,
	}).Iterator()

	var found page
	var failed error
	// The binding does not show the iterator's futures: the transaction has to end for them to end.
	err := r.store.run(ctx, &call{tx: r.tx}, func() { found, failed = collect(rows, r.space(), opt.Limit, bytesMax) })
	if err != nil {
		return page{}, err
	}
	return found, failed
}

// collect blocks for rows until there are limit of them, or bytesMax bytes, or no more. A limit of 0 is none.
func collect(rows *fdb.RangeIterator, space keySpace, limit, bytesMax int) (page, error) {
	var found page
	for rows.Advance() {
		row, err := rows.Get()
		if err != nil {
			return page{}, err
		}
		pair := kv.KeyValue{Key: space.unpack(row.Key), Value: row.Value}
		found.pairs = append(found.pairs, pair)
		bytesMax -= len(pair.Key) + len(pair.Value)
		if len(found.pairs) == limit || bytesMax <= 0 {
			found.more = true
			break
		}
	}
	return found, nil
}

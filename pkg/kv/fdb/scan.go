// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"bytes"
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
	var found page
	var failed error
	block := func() { found, failed = r.inBatches(begin, end, opt, bytesMax) }
	if r.stamped {
		block = func() { found, failed = r.oneByOne(begin, end, opt, bytesMax) }
	}
	// The binding does not show the iterator's futures: the transaction has to end for them to end.
	if err := r.store.run(ctx, &call{tx: r.tx}, block); err != nil {
		return page{}, err
	}
	return found, failed
}

// inBatches reads a page as FoundationDB's client likes it best. What the binding has asked for beyond the page is
// left to itself; if that fails, so does the commit.
func (r reader) inBatches(begin, end []byte, opt kv.RangeOptions, bytesMax int) (page, error) {
	mode := fdb.StreamingModeWantAll
	if bytesMax < wantAllBytes {
		mode = fdb.StreamingModeIterator
	}
	return r.collect(begin, end, fdb.RangeOptions{Limit: opt.Limit, Mode: mode, Reverse: opt.Reverse}, bytesMax)
}

// oneByOne reads a page and nothing beyond it, where a versionstamped operation may have made keys unreadable:
// the reader of the page must not fail because of them.
func (r reader) oneByOne(begin, end []byte, opt kv.RangeOptions, bytesMax int) (page, error) {
	var found page
	for bytes.Compare(begin, end) < 0 {
		next, err := r.collect(begin, end,
			fdb.RangeOptions{Limit: 1, Mode: fdb.StreamingModeExact, Reverse: opt.Reverse}, bytesMax)
		if err != nil || len(next.pairs) == 0 {
			return found, err
		}
		pair := next.pairs[0]
		found.pairs = append(found.pairs, pair)
		if bytesMax -= len(pair.Key) + len(pair.Value); len(found.pairs) == opt.Limit || bytesMax <= 0 {
			found.more = true
			return found, nil
		}
		if opt.Reverse {
			end = pair.Key
		} else {
			begin = kv.KeyAfter(pair.Key)
		}
	}
	return found, nil
}

// collect blocks for rows until there are as many as the limit, or bytesMax bytes, or no more. A limit of 0 is none.
func (r reader) collect(begin, end []byte, opt fdb.RangeOptions, bytesMax int) (page, error) {
	rows := r.fdb.Snapshot().GetRange(r.keyRange(begin, end), opt).Iterator()
	var found page
	for rows.Advance() {
		row, err := rows.Get()
		if err != nil {
			return page{}, err
		}
		pair := kv.KeyValue{Key: r.space().unpack(row.Key), Value: row.Value}
		found.pairs = append(found.pairs, pair)
		bytesMax -= len(pair.Key) + len(pair.Value)
		if len(found.pairs) == opt.Limit || bytesMax <= 0 {
			found.more = true
			break
		}
	}
	return found, nil
}

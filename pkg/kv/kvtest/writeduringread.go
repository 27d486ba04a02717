// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	writeDuringReadTxs   = 25
	writeDuringReadPages = 12
	writeDuringReadKeys  = 150
)

// testWriteDuringRead is FoundationDB's workload of that name: one transaction writes into the range that it is
// reading, between one page and the next. Each page, in either direction, shows all writes before it and none after.
// (FoundationDB's has reads and writes under way at the same time; a kv.Tx is for one task at a time.)
func testWriteDuringRead(w *world) {
	r := &readWriter{world: w, rnd: env.NewRand(1, 0x77647264), stored: pairs{}}
	for i := range writeDuringReadTxs {
		r.tx, r.view = w.begin(), maps.Clone(r.stored)
		for range writeDuringReadPages {
			if err := r.readRange(); err != nil {
				w.Fatalf("transaction %d: %v", i, err)
			}
		}
		if r.rnd.IntN(4) == 0 {
			r.tx.Cancel()
			continue
		}
		w.commit(r.tx)
		r.stored = r.view
	}
	if r.between < writeDuringReadTxs*writeDuringReadPages {
		w.Errorf("%d writes between the pages of a range: too few to show anything", r.between)
	}
}

// readWriter is the transaction under way and what it should see.
type readWriter struct {
	*world
	rnd          *env.Rand
	tx           kv.Tx
	stored, view pairs
	// between counts the writes between two pages of a range.
	between int
}

func (r *readWriter) key() string { return fmt.Sprintf("during/%03d", r.rnd.IntN(writeDuringReadKeys)) }

func (r *readWriter) span() (begin, end string) {
	begin, end = r.key(), r.key()
	return min(begin, end), max(begin, end)
}

// readRange reads a range in pages and writes after each.
func (r *readWriter) readRange() error {
	for range 4 {
		r.write()
	}
	begin, end := r.span()
	opt := kv.RangeOptions{Reverse: r.rnd.IntN(2) == 0, Limit: r.rnd.IntN(6), BytesMax: 1 + r.rnd.IntN(100)}
	var reader kv.Reader = r.tx
	if r.rnd.IntN(3) == 0 {
		reader = r.tx.Snapshot()
	}
	for {
		page, more, err := reader.Range(r.ctx, []byte(begin), []byte(end), opt)
		if err != nil {
			return err
		}
		if begin, end, err = r.checkPage(begin, end, opt, page, more); err != nil || begin == end {
			return err
		}
		r.write()
		r.between++
	}
}

// checkPage compares a page with the view and returns what is left of the range, from begin to begin if nothing is.
func (r *readWriter) checkPage(begin, end string, opt kv.RangeOptions, page []kv.KeyValue, more bool) (string, string,
	error) {
	low, high := begin, end
	if more {
		if len(page) == 0 {
			return "", "", fmt.Errorf("an empty page of %q to %q, and more to come", begin, end)
		}
		low, high = scanned(begin, end, string(page[len(page)-1].Key), opt.Reverse)
	}
	var want []kv.KeyValue
	for _, key := range r.view.sorted() {
		if low <= key && key < high {
			want = append(want, kv.KeyValue{Key: []byte(key), Value: r.view[key]})
		}
	}
	got := page
	if opt.Reverse {
		got = nil
		for i := range page {
			got = append(got, page[len(page)-1-i])
		}
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || opt.Limit > 0 && len(got) > opt.Limit {
		return "", "", fmt.Errorf("%+v of %q to %q gave %q, more %v, want %q", opt, begin, end, got, more, want)
	}
	switch {
	case !more:
		return "", "", nil
	case opt.Reverse:
		return begin, low, nil
	}
	return high, end, nil
}

// write does something to the transaction and to the view.
func (r *readWriter) write() {
	key, param := r.key(), bytes.Repeat([]byte{byte(r.rnd.IntN(256))}, r.rnd.IntN(20))
	switch r.rnd.IntN(8) {
	case 0:
		begin := r.key()
		end := begin[:len(begin)-1] + ":" // at most ten keys, or all would be gone soon
		r.tx.ClearRange([]byte(begin), []byte(end))
		maps.DeleteFunc(r.view, func(key string, _ []byte) bool { return begin <= key && key < end })
	case 1:
		r.tx.Clear([]byte(key))
		delete(r.view, key)
	case 2, 3:
		op := randomOps[r.rnd.IntN(len(randomOps))]
		r.tx.Atomic(op, []byte(key), param)
		if value := applyAtomic(op, r.view[key], param); value != nil {
			r.view[key] = value
		} else {
			delete(r.view, key)
		}
	default:
		r.tx.Set([]byte(key), param)
		r.view[key] = param
	}
}

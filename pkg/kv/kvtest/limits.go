// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// testLimits shows the limits of keys and values where the edges that were recorded say nothing of them.
func testLimits(w *world) {
	longKey, longValue := bytes.Repeat([]byte("k"), kv.KeyBytesMax+1), make([]byte, kv.ValueBytesMax+1)
	w.checkLimit("atomic operation on a longer key", func(tx kv.Tx) { tx.Atomic(kv.AtomicAdd, longKey, []byte{1}) },
		kv.ErrKeyTooLarge)
	w.checkLimit("clear of a range of longer keys", func(tx kv.Tx) { tx.ClearRange(longKey, append(longKey, 'k')) },
		nil)
	w.checkLimit("atomic operation with a longer parameter", func(tx kv.Tx) {
		tx.Atomic(kv.AtomicOr, []byte("v"), longValue)
	}, kv.ErrValueTooLarge)
}

// testInverted shows what a transaction makes of ranges with their ends before their beginnings.
func testInverted(w *world) {
	w.checkEnded("after an inverted clear", func(tx kv.Tx) { tx.ClearRange([]byte("b"), []byte("a")) },
		kv.ErrInvalidRange)

	tx := w.begin()
	found, more, err := tx.Range(w.ctx, []byte("z"), []byte("a"), kv.RangeOptions{})
	if len(found) != 0 || more || err != nil {
		w.Errorf("read of an inverted range: %q, %v, %v; want nothing", found, more, err)
	}
	w.want("inverted read conflict", tx.AddReadConflictRange([]byte("z"), []byte("a")), kv.ErrInvalidRange)
	w.want("inverted write conflict", tx.AddWriteConflictRange([]byte("z"), []byte("a")), kv.ErrInvalidRange)
	w.want("commit after inverted ranges", tx.Commit(w.ctx), nil)
}

// testValues shows that no value and an empty one are told apart.
func testValues(w *world) {
	w.put("empty", "", "some", "x")
	for name, tx := range map[string]kv.Tx{"stored": w.begin(), "own": w.begin()} {
		if name == "own" {
			tx.Set([]byte("empty"), nil)
			tx.Set([]byte("some"), []byte("x"))
			tx.Clear([]byte("none"))
		}
		got, err := tx.GetAll(w.ctx, []byte("none"), []byte("empty"), []byte("some"), []byte("empty"))
		w.must(err)
		if len(got) != 4 || got[0] != nil || got[1] == nil || len(got[1]) != 0 || string(got[2]) != "x" ||
			got[3] == nil {
			w.Errorf("%s: got %#v", name, got)
		}
		if got, err := tx.GetAll(w.ctx); len(got) != 0 || err != nil {
			w.Errorf("%s: values of no keys: %#v, %v", name, got, err)
		}
		pairs := w.scan(tx, "a", "z")
		if keys(pairs) != "empty some" || pairs[0].Value == nil {
			w.Errorf("%s: range gave %#v", name, pairs)
		}
	}
}

// testOwnership shows that slices given may be used again at once, and that those returned are the caller's.
func testOwnership(w *world) {
	key, value := []byte("key1"), []byte("value")
	begin, end := []byte("x1"), []byte("x9")
	w.put("x5", "cleared")
	tx := w.begin()
	tx.Set(key, value)
	tx.Atomic(kv.AtomicAppendIfFits, key, value)
	tx.ClearRange(begin, end)
	w.must(tx.AddReadConflictRange(begin, end))
	w.must(tx.AddWriteConflictRange(begin, end))
	for _, b := range [][]byte{key, value, begin, end} {
		copy(b, "zzzzz")
	}
	got := w.get(tx, "key1")
	copy(got, "zzzzz")
	for _, p := range w.scan(tx, "", "\xff") {
		copy(p.Key, "zzzz")
		copy(p.Value, "zzzz")
	}
	w.wantValue(tx, "key1", "valuevalue")
	w.commit(tx)
	for range 2 {
		tx = w.begin()
		pairs := w.scan(tx, "", "\xff")
		if keys(pairs) != "key1" || string(pairs[0].Value) != "valuevalue" {
			w.Fatalf("the store holds %q", pairs)
		}
		copy(pairs[0].Key, "zzzz")
		copy(pairs[0].Value, "zzzz")
		copy(w.get(tx, "key1"), "zzzz")
	}
}

// testRangePages shows that a long range is read in pages, in both directions, with writes of the transaction's own
// among them.
func testRangePages(w *world) {
	const n = 3000
	for i := 0; i < n; i += 500 {
		tx := w.begin()
		for j := i; j < i+500; j++ {
			tx.Set(fmt.Appendf(nil, "%06d", j), make([]byte, 1000))
		}
		w.commit(tx)
	}
	tx := w.begin()
	for i := 0; i < n; i += 10 {
		tx.Clear(fmt.Appendf(nil, "%06d", i))
		tx.Set(fmt.Appendf(nil, "%06d+", i), make([]byte, 1000))
	}
	for _, opt := range []kv.RangeOptions{{}, {Reverse: true}, {Limit: 700}, {BytesMax: 50_000}, {
		BytesMax: 50_000, Reverse: true}} {
		count, pages, err := w.countPages(tx, opt)
		if err != nil || count != n || pages < 3 {
			w.Errorf("%+v: %d pairs in %d pages, %v; want %d", opt, count, pages, err, n)
		}
	}
}

// countPages reads everything page by page and checks the order and the size of the pages.
func (w *world) countPages(r kv.Reader, opt kv.RangeOptions) (count, pages int, err error) {
	begin, end := []byte{}, []byte{0xff}
	var last []byte
	for more := true; more; pages++ {
		var page []kv.KeyValue
		if page, more, err = r.Range(w.ctx, begin, end, opt); err != nil {
			return 0, 0, err
		}
		size := 0
		for _, p := range page {
			if last != nil && (bytes.Compare(last, p.Key) < 0) == opt.Reverse {
				return 0, 0, fmt.Errorf("%q after %q", p.Key, last)
			}
			last = p.Key
			size += len(p.Key) + len(p.Value)
		}
		if limit := cmp.Or(opt.BytesMax, kv.DefaultRangeBytes); size > limit+2_000 {
			return 0, 0, fmt.Errorf("a page of %d bytes", size)
		}
		if more && len(page) == 0 {
			return 0, 0, errors.New("a page without pairs, and more to come")
		}
		count += len(page)
		if opt.Reverse {
			end = last
		} else {
			begin = append(bytes.Clone(last), 0)
		}
	}
	return count, pages, nil
}

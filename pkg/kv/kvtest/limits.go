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

// testLimits shows the limits of keys and values, as FoundationDB has them.
func testLimits(w *world) {
	key, longKey := bytes.Repeat([]byte("k"), kv.KeyBytesMax), bytes.Repeat([]byte("k"), kv.KeyBytesMax+1)
	value, longValue := make([]byte, kv.ValueBytesMax), make([]byte, kv.ValueBytesMax+1)
	for _, c := range []struct {
		name string
		do   func(tx kv.Tx)
		want error
	}{
		{"set of a key of the greatest length", func(tx kv.Tx) { tx.Set(key, nil) }, nil},
		{"set of a longer key", func(tx kv.Tx) { tx.Set(longKey, nil) }, kv.ErrKeyTooLarge},
		{"atomic operation on a longer key", func(tx kv.Tx) { tx.Atomic(kv.AtomicAdd, longKey, []byte{1}) }, kv.ErrKeyTooLarge},
		{"clear of a longer key", func(tx kv.Tx) { tx.Clear(longKey) }, nil},
		{"clear of a range of longer keys", func(tx kv.Tx) { tx.ClearRange(longKey, append(longKey, 'k')) }, nil},
		{"read conflict on a longer key", func(tx kv.Tx) { w.must(tx.AddReadConflictRange(longKey, append(longKey, 'k'))) }, nil},
		{"set of a value of the greatest length", func(tx kv.Tx) { tx.Set([]byte("v"), value) }, nil},
		{"set of a longer value", func(tx kv.Tx) { tx.Set([]byte("v"), longValue) }, kv.ErrValueTooLarge},
		{"atomic operation with a longer parameter", func(tx kv.Tx) { tx.Atomic(kv.AtomicOr, []byte("v"), longValue) }, kv.ErrValueTooLarge},
	} {
		tx := w.begin()
		tx.Set([]byte("other"), []byte(c.name))
		c.do(tx)
		w.want(c.name, tx.Commit(w.ctx), c.want)
		if c.want != nil && !kv.NeverCommitted(c.want) {
			w.Errorf("%s: %v should prove that nothing was committed", c.name, c.want)
		}
		stored := w.get(w.begin(), "other")
		if committed := string(stored) == c.name; committed != (c.want == nil) {
			w.Errorf("%s: the transaction's other write is there: %v", c.name, committed)
		}
	}
	if got, err := w.begin().Get(w.ctx, longKey); got != nil || err != nil {
		w.Errorf("get of a key longer than can be written: %q, %v", got, err)
	}
	if got := w.get(w.begin(), string(key)); got == nil {
		w.Errorf("the longest key is not there")
	}
	if got := w.get(w.begin(), "v"); len(got) != kv.ValueBytesMax {
		w.Errorf("the longest value has %d bytes", len(got))
	}
}

// testTransactionSize shows where exactly a transaction becomes too large. A set counts for its
// key, its value and 101 bytes more, of which 33 are its write conflict range without the key.
func testTransactionSize(w *world) {
	fill := func(lastValueBytes int) kv.Tx {
		tx := w.begin()
		for i := range 99 {
			tx.Set(fmt.Appendf(nil, "%016d", i), make([]byte, kv.ValueBytesMax))
		}
		tx.Set(fmt.Appendf(nil, "%016d", 99), make([]byte, lastValueBytes))
		return tx
	}
	const fits = 88_300
	w.want("one byte over the limit", fill(fits+1).Commit(w.ctx), kv.ErrTxTooLarge)
	if found := w.scan(w.begin(), "", "\xff"); len(found) != 0 {
		w.Errorf("a transaction over the limit has written %d pairs", len(found))
	}
	w.want("at the limit", fill(fits).Commit(w.ctx), nil)
	if found := w.scan(w.begin(), "", "\xff"); len(found) != 100 {
		w.Errorf("a transaction at the limit has written %d pairs, want 100", len(found))
	}
}

// testKeySpace shows the ends of the key space: the empty key is in it, those from \xff on are not.
func testKeySpace(w *world) {
	end, beyond := []byte("\xff"), []byte("\xff\x00")
	for name, do := range map[string]func(tx kv.Tx) error{
		"get":          func(tx kv.Tx) error { _, err := tx.Get(w.ctx, end); return err },
		"get all":      func(tx kv.Tx) error { _, err := tx.GetAll(w.ctx, []byte("a"), end); return err },
		"get snapshot": func(tx kv.Tx) error { _, err := tx.Snapshot().Get(w.ctx, end); return err },
		"get key": func(tx kv.Tx) error {
			_, err := tx.GetKey(w.ctx, kv.FirstGreaterOrEqual(beyond))
			return err
		},
		"range": func(tx kv.Tx) error {
			_, _, err := tx.Range(w.ctx, nil, beyond, kv.RangeOptions{})
			return err
		},
		"set":         func(tx kv.Tx) error { tx.Set(end, nil); return tx.Commit(w.ctx) },
		"clear":       func(tx kv.Tx) error { tx.Clear(end); return tx.Commit(w.ctx) },
		"clear range": func(tx kv.Tx) error { tx.ClearRange(nil, beyond); return tx.Commit(w.ctx) },
		"atomic":      func(tx kv.Tx) error { tx.Atomic(kv.AtomicAdd, end, []byte{1}); return tx.Commit(w.ctx) },
	} {
		w.want(name+" beyond the key space", do(w.begin()), kv.ErrOutOfRange)
	}

	w.put("", "first", "\xfe\xff\xff", "last")
	tx := w.begin()
	w.wantValue(tx, "", "first")
	if got := keys(w.scan(tx, "", "\xff")); got != " \xfe\xff\xff" {
		w.Errorf("the whole key space holds %q", got)
	}
	for _, c := range []struct {
		sel  kv.KeySelector
		want string
	}{
		{kv.FirstGreaterOrEqual(nil), ""},
		{kv.LastLessThan(nil), ""},
		{kv.FirstGreaterThan(nil), "\xfe\xff\xff"},
		{kv.LastLessThan(end), "\xfe\xff\xff"},
		{kv.FirstGreaterOrEqual(end), "\xff"},
		{kv.FirstGreaterThan([]byte("\xfe\xff\xff")), "\xff"},
	} {
		got, err := tx.GetKey(w.ctx, c.sel)
		if err != nil || string(got) != c.want {
			w.Errorf("selector %+v gave %q, %v; want %q", c.sel, got, err, c.want)
		}
	}
	tx.ClearRange(nil, end)
	w.commit(tx)
	if got := w.scan(w.begin(), "", "\xff"); len(got) != 0 {
		w.Errorf("cleared, the key space holds %q", got)
	}
}

// testLifecycle shows what a transaction answers after its end, and that Reset makes it as new.
func testLifecycle(w *world) {
	for _, c := range []struct {
		name string
		end  func(tx kv.Tx)
		want error
	}{
		{"after commit", func(tx kv.Tx) { w.commit(tx) }, kv.ErrUsed},
		{"after a commit of nothing", func(tx kv.Tx) { tx.Reset(); w.commit(tx) }, kv.ErrUsed},
		{"after cancel", func(tx kv.Tx) { tx.Cancel() }, kv.ErrCancelled},
		{"after an inverted clear", func(tx kv.Tx) { tx.ClearRange([]byte("b"), []byte("a")) }, kv.ErrInvalidRange},
	} {
		tx := w.begin()
		tx.Set([]byte("k"), []byte(c.name))
		c.end(tx)
		_, err := tx.Get(w.ctx, []byte("a"))
		w.want(c.name+", get", err, c.want)
		_, err = tx.Snapshot().GetAll(w.ctx, []byte("a"))
		w.want(c.name+", snapshot get", err, c.want)
		_, _, err = tx.Range(w.ctx, []byte("a"), []byte("b"), kv.RangeOptions{})
		w.want(c.name+", range", err, c.want)
		_, err = tx.GetKey(w.ctx, kv.LastLessThan([]byte("b")))
		w.want(c.name+", get key", err, c.want)
		w.want(c.name+", commit", tx.Commit(w.ctx), c.want)

		tx.Reset()
		if v := tx.CommittedVersion(); v != 0 {
			w.Errorf("%s, reset: committed version %d", c.name, v)
		}
		if _, err := tx.Versionstamp(); err == nil {
			w.Errorf("%s, reset: there is a versionstamp", c.name)
		}
		tx.Set([]byte("reset"), []byte(c.name))
		w.want(c.name+", reset, commit", tx.Commit(w.ctx), nil)
		w.wantValue(w.begin(), "reset", c.name)
	}
	w.wantValue(w.begin(), "k", "after commit")

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
		if len(got) != 4 || got[0] != nil || got[1] == nil || len(got[1]) != 0 || string(got[2]) != "x" || got[3] == nil {
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

// testRangePages shows that a long range is read in pages, in both directions, with writes of the transaction's own among them.
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
	for _, opt := range []kv.RangeOptions{{}, {Reverse: true}, {Limit: 700}, {BytesMax: 50_000}, {BytesMax: 50_000, Reverse: true}} {
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

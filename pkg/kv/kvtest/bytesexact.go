// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// neighbours is keys that nothing lies between, or as good as nothing, in order. All are in the store.
var neighbours = []string{"j", "j\xff\xff\xff", "k", "k\x00", "k\x00\x00", "k\x01", "k\xff", "l"}

// testExactConflicts shows that conflict ranges are exact to the byte: a read conflicts with the writes of what it has read, and not
// with those of the key directly after it or the one before.
func testExactConflicts(w *world) {
	for _, read := range exactReads() {
		for _, write := range exactWrites() {
			w.checkExact(read, write)
		}
	}
}

// access is a read or a write, and which of the neighbours it is of.
type access struct {
	name string
	do   func(w *world, tx kv.Tx) error
	of   []string
}

// bounded makes an access of the half-open range [begin, end).
func bounded(name, begin, end string, do func(w *world, tx kv.Tx, begin, end []byte) error) access {
	a := access{name: fmt.Sprintf("%s of %q to %q", name, begin, end)}
	a.do = func(w *world, tx kv.Tx) error { return do(w, tx, []byte(begin), []byte(end)) }
	for _, key := range neighbours {
		if begin <= key && key < end {
			a.of = append(a.of, key)
		}
	}
	return a
}

func exactReads() []access {
	one := func(name string, do func(w *world, tx kv.Tx, key []byte) error) access {
		return bounded(name, "k", "k\x00", func(w *world, tx kv.Tx, key, _ []byte) error { return do(w, tx, key) })
	}
	all := []access{
		one("get", func(w *world, tx kv.Tx, key []byte) error { _, err := tx.Get(w.ctx, key); return err }),
		one("get all", func(w *world, tx kv.Tx, key []byte) error { _, err := tx.GetAll(w.ctx, key, key); return err }),
		one("get key", func(w *world, tx kv.Tx, key []byte) error {
			_, err := tx.GetKey(w.ctx, kv.FirstGreaterOrEqual(key))
			return err
		}),
	}
	for _, ends := range [][2]string{{"k", "k\x00"}, {"k", "k\x01"}, {"k\x00", "l"}, {"j\xff\xff\xff", "k"}, {"k", "k"}, {"", "\xff"}} {
		all = append(all,
			bounded("range", ends[0], ends[1], scanWith(kv.RangeOptions{})),
			bounded("reverse range", ends[0], ends[1], scanWith(kv.RangeOptions{Reverse: true})),
			bounded("read conflict", ends[0], ends[1], func(_ *world, tx kv.Tx, begin, end []byte) error {
				return tx.AddReadConflictRange(begin, end)
			}))
	}
	return append(all, limitedReads()...)
}

func scanWith(opt kv.RangeOptions) func(w *world, tx kv.Tx, begin, end []byte) error {
	return func(w *world, tx kv.Tx, begin, end []byte) error {
		_, _, err := tx.Range(w.ctx, begin, end, opt)
		return err
	}
}

// limitedReads is ranges of all neighbours that stop early: their conflict range ends at the last pair, inclusive.
func limitedReads() []access {
	var all []access
	for n := 1; n < len(neighbours); n++ {
		last := neighbours[n-1]
		forwards := bounded("limited range", "j", last+"\x00", nil)
		forwards.do = func(w *world, tx kv.Tx) error {
			return scanWith(kv.RangeOptions{Limit: n})(w, tx, []byte("j"), []byte("m"))
		}
		first := neighbours[len(neighbours)-n]
		backwards := bounded("limited reverse range", first, "m", nil)
		backwards.do = func(w *world, tx kv.Tx) error {
			return scanWith(kv.RangeOptions{Limit: n, Reverse: true})(w, tx, []byte("j"), []byte("m"))
		}
		all = append(all, forwards, backwards)
	}
	return all
}

func exactWrites() []access {
	var all []access
	for i, key := range neighbours {
		after := string(kv.KeyAfter([]byte(key)))
		all = append(all, bounded([]string{"set", "clear", "atomic", "clear range", "write conflict"}[i%5], key, after, writeKinds[i%5]))
	}
	for _, key := range []string{"j\xff\xff\xff", "k", "k\x00"} {
		for i, do := range writeKinds {
			all = append(all, bounded(fmt.Sprintf("write of kind %d", i), key, key+"\x00", do))
		}
	}
	for _, ends := range [][2]string{{"k", "k\x01"}, {"j", "k"}, {"k\x00", "l"}, {"k", "k"}, {"", "\xff"}} {
		all = append(all,
			bounded("clear range", ends[0], ends[1], writeKinds[3]),
			bounded("write conflict", ends[0], ends[1], writeKinds[4]))
	}
	return all
}

// writeKinds are the ways to write; the first three write the key at the beginning.
var writeKinds = []func(w *world, tx kv.Tx, begin, end []byte) error{
	func(_ *world, tx kv.Tx, begin, _ []byte) error { tx.Set(begin, []byte("set")); return nil },
	func(_ *world, tx kv.Tx, begin, _ []byte) error { tx.Clear(begin); return nil },
	func(_ *world, tx kv.Tx, begin, _ []byte) error {
		tx.Atomic(kv.AtomicAdd, bytes.Clone(begin), []byte{1})
		return nil
	},
	func(_ *world, tx kv.Tx, begin, end []byte) error { tx.ClearRange(begin, end); return nil },
	func(_ *world, tx kv.Tx, begin, end []byte) error { return tx.AddWriteConflictRange(begin, end) },
}

// checkExact commits a write while a read is under way, and wants a conflict exactly if they have a neighbour in common.
func (w *world) checkExact(read, write access) {
	w.Helper()
	filling := w.begin()
	for _, key := range neighbours {
		filling.Set([]byte(key), []byte("stored"))
	}
	w.commit(filling)
	reader, writer := w.beginNow(), w.begin()
	w.must(read.do(w, reader))
	w.must(write.do(w, writer))
	w.commit(writer)
	reader.Set([]byte("result"), nil)
	want := error(nil)
	for _, a := range read.of {
		for _, b := range write.of {
			if a == b {
				want = kv.ErrConflict
			}
		}
	}
	w.want(read.name+", "+write.name, reader.Commit(w.ctx), want)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// exactLanes is how many pairs of accesses are tried at once, each in a key space of its own.
const exactLanes = 16

// neighbours is keys that nothing lies between, or as good as nothing, in order, each after the
// prefix of a key space. All are in the store.
var neighbours = []string{"j", "j\xff\xff\xff", "k", "k\x00", "k\x00\x00", "k\x01", "k\xff", "l"}

// testExactConflicts shows that conflict ranges are exact to the byte: a read conflicts with the writes of what it
// has read, and not with those of the key directly after it or the one before.
func testExactConflicts(w *world) {
	reads, writes := exactReads(), exactWrites()
	w.together(exactLanes, func(lane int) {
		for i := lane; i < len(reads)*len(writes); i += exactLanes {
			read, write := reads[i/len(writes)], writes[i%len(writes)]
			if err := w.checkExact(fmt.Sprintf("exact/%d/", lane), read, write); err != nil {
				w.Errorf("%s, %s: %v", read.name, write.name, err)
			}
		}
	})
}

// access is a read or a write, and which of the neighbours it is of.
type access struct {
	name string
	do   func(w *world, tx kv.Tx, prefix string) error
	of   []string
}

// bounded makes an access of the half-open range [begin, end).
func bounded(name, begin, end string, do func(w *world, tx kv.Tx, begin, end []byte) error) access {
	a := access{name: fmt.Sprintf("%s of %q to %q", name, begin, end)}
	a.do = func(w *world, tx kv.Tx, prefix string) error {
		return do(w, tx, []byte(prefix+begin), []byte(prefix+end))
	}
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
	for _, ends := range [][2]string{{"k", "k\x00"}, {"k", "k\x01"}, {"k\x00", "l"}, {"j\xff\xff\xff", "k"},
		{"k", "k"}, {"", "\xff"}} {
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
		forwards := bounded(fmt.Sprintf("range of %d", n), "j", "m", scanWith(kv.RangeOptions{Limit: n}))
		backwards := bounded(fmt.Sprintf("reverse range of %d", n), "j", "m",
			scanWith(kv.RangeOptions{Limit: n, Reverse: true}))
		forwards.of, backwards.of = neighbours[:n], neighbours[len(neighbours)-n:]
		all = append(all, forwards, backwards)
	}
	return all
}

func exactWrites() []access {
	var all []access
	for i, key := range neighbours {
		after := string(kv.KeyAfter([]byte(key)))
		all = append(all, bounded([]string{"set", "clear", "atomic", "clear range", "write conflict"}[i%5], key, after,
			writeKinds[i%5]))
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

// checkExact commits a write while a read is under way: they must conflict exactly if they have a neighbour in common.
func (w *world) checkExact(prefix string, read, write access) error {
	filling := w.begin()
	for _, key := range neighbours {
		filling.Set([]byte(prefix+key), []byte("stored"))
	}
	if err := filling.Commit(w.ctx); err != nil {
		return err
	}
	reader, writer := w.begin(), w.begin()
	reader.SetReadVersion(filling.CommittedVersion())
	if err := errors.Join(read.do(w, reader, prefix), write.do(w, writer, prefix), writer.Commit(w.ctx)); err != nil {
		return err
	}
	reader.Set([]byte(prefix+"result"), nil)
	err := reader.Commit(w.ctx)
	common := slices.ContainsFunc(read.of, func(key string) bool { return slices.Contains(write.of, key) })
	if conflict := errors.Is(err, kv.ErrConflict); conflict != common || err != nil && !conflict {
		return fmt.Errorf("commit: %v; both are of the same key: %v", err, common)
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// BenchmarkResolve decides transactions that read ten keys and write two, in a store that has written 100,000
// keys in the window.
func BenchmarkResolve(b *testing.B) {
	const history, batch = 100_000, 20
	key := func(i int) keyRange {
		k := fmt.Sprintf("state/cart/%08d/struct", i*7919%history)
		return keyRange{k, k + "\x00"}
	}
	r := newResolver()
	txs := make([][]keyRange, history/10)
	for i := range txs {
		for j := range 10 {
			txs[i] = append(txs[i], key(10*i+j))
		}
		r.record(txs[i], kv.Version(1+i))
	}
	b.ResetTimer()
	v := kv.Version(len(txs))
	for i := range b.N {
		reads := txs[i%len(txs)]
		if r.conflicts(reads, v) {
			b.Fatal("conflict with what was written before")
		}
		if i%batch == 0 {
			v++
			r.forget(v - history/batch)
		}
		r.record(reads[:2], v)
	}
}

// BenchmarkConflicts is the check alone, of ten keys.
func BenchmarkConflicts(b *testing.B) {
	const history = 100_000
	r := newResolver()
	var keys []keyRange
	for i := range history {
		k := fmt.Sprintf("state/cart/%08d/struct", i*7919%history)
		keys = append(keys, keyRange{k, k + "\x00"})
	}
	r.record(keys, 1)
	b.ResetTimer()
	for i := range b.N {
		at := 10 * i % history
		if r.conflicts(keys[at:at+10], 1) {
			b.Fatal("conflict with what was written before")
		}
	}
}

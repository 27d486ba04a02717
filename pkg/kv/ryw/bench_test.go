// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw_test

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// BenchmarkTransaction reads two keys and writes ten, the steady state of an activation and more.
func BenchmarkTransaction(b *testing.B) {
	keys := make([][]byte, 10)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "state/cart/alice/part%d", i)
	}
	value := make([]byte, 100)
	backend := &fakeBackend{version: 10}
	b.ReportAllocs()
	for range b.N {
		tx := ryw.New(backend, kv.TxOptions{})
		if _, err := tx.GetAll(ctx, keys[:2]...); err != nil {
			b.Fatal(err)
		}
		for _, key := range keys {
			tx.Set(key, value)
		}
		if err := tx.Commit(ctx); err != nil {
			b.Fatal(err)
		}
		backend.commits = backend.commits[:0]
	}
}

// BenchmarkOverlay reads a range of 1,000 pairs of which every other was written by the transaction.
func BenchmarkOverlay(b *testing.B) {
	backend := &fakeBackend{version: 10, pairs: make(map[string]string)}
	tx := ryw.New(backend, kv.TxOptions{})
	for i := range 1000 {
		key := fmt.Sprintf("key/%04d", i)
		backend.pairs[key] = "value"
		if i%2 == 0 {
			tx.Set([]byte(key), []byte("own"))
		}
	}
	b.ReportAllocs()
	for range b.N {
		pairs, _, err := tx.Snapshot().Range(ctx, nil, []byte("z"), kv.RangeOptions{})
		if len(pairs) != 1000 || err != nil {
			b.Fatalf("%d pairs, %v", len(pairs), err)
		}
	}
}

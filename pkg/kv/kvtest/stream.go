// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"fmt"
	"runtime"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	streamPairs      = 400
	streamValueBytes = 64 << 10
	// streamHeapBytes bounds what reading may add to the heap: a few pages, each of up to 4 MiB where another process
	// serves the store, and there several times on its way. All pairs take more than twice as much.
	streamHeapBytes = 12 << 20
)

// testStream shows that a range far larger than a page is read in constant memory, forwards and backwards.
func testStream(w *world) {
	for i := 0; i < streamPairs; i += 50 {
		tx := w.begin()
		for j := i; j < i+50; j++ {
			tx.Set(fmt.Appendf(nil, "stream/%04d", j), make([]byte, streamValueBytes))
		}
		w.commit(tx)
	}
	for _, reverse := range []bool{false, true} {
		count, before, most := 0, heapBytes(), uint64(0)
		w.readAgain(func(tx kv.Tx) error {
			count = 0
			options := kv.RangeOptions{Reverse: reverse}
			return kv.Scan(w.ctx, tx.Snapshot(), []byte("stream/"), []byte("stream0"), options,
				func(pair kv.KeyValue) error {
					if len(pair.Value) != streamValueBytes {
						return fmt.Errorf("%q has %d bytes", pair.Key, len(pair.Value))
					}
					if count++; count%80 == 0 {
						most = max(most, heapBytes())
					}
					return nil
				})
		})
		if count != streamPairs {
			w.Errorf("%d pairs, want %d", count, streamPairs)
		}
		if most > before+streamHeapBytes {
			w.Errorf("reading %d bytes took %d of memory", streamPairs*streamValueBytes, most-before)
		}
	}
}

// heapBytes is what is in use, without what is garbage.
func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

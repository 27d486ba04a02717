// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kelpiehq/kelpie/bench/internal/benchtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	valueBytes = 100
	// keys is how many there are to be read, or to take memory.
	keys = 1_000_000
	// batch is how many are written at a time where that is not measured.
	batch = 1000
)

// key spreads keys over the key space.
func key(i uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("bench/"), i*0x9e3779b97f4a7c15)
}

func openPebble(b *testing.B) *pebble.DB {
	b.Helper()
	db, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: quiet{}})
	benchtest.Check(b, err)
	b.Cleanup(func() { benchtest.Check(b, db.Close()) })
	return db
}

// quiet discards what Pebble says.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			store, db, value := benchtest.DiskStore(b), openPebble(b), make([]byte, valueBytes)
			var n atomic.Uint64
			benchtest.Compare(b,
				benchtest.Side{Name: "store", Callers: writers, Call: func(int) error {
					tx := store.Begin(kv.TxOptions{})
					tx.Set(key(n.Add(1)), value)
					return tx.Commit(context.Background())
				}},
				benchtest.Side{Name: "pebble", Callers: writers, Call: func(int) error {
					batch := db.NewBatch()
					err := batch.Set(key(n.Add(1)), value, nil)
					return errors.Join(err, batch.Commit(pebble.Sync), batch.Close())
				}},
			)
		})
	}
}

func BenchmarkRead(b *testing.B) {
	store, db := benchtest.DiskStore(b), openPebble(b)
	fill(b, store)
	for i := uint64(0); i < keys; i += batch {
		all := db.NewBatch()
		for j := range uint64(batch) {
			benchtest.Check(b, all.Set(key(i+j), make([]byte, valueBytes), nil))
		}
		benchtest.Check(b, errors.Join(all.Commit(pebble.Sync), all.Close()))
	}
	var n atomic.Uint64
	benchtest.Compare(b,
		benchtest.Side{Name: "store", Callers: 2, Call: func(int) error {
			value, err := store.Begin(kv.TxOptions{}).Get(context.Background(), key(n.Add(7919)%keys))
			return want(value, err)
		}},
		benchtest.Side{Name: "pebble", Callers: 2, Call: func(int) error {
			s := db.NewSnapshot()
			value, closer, err := s.Get(key(n.Add(7919) % keys))
			if err := want(value, err); err != nil {
				return err
			}
			return errors.Join(closer.Close(), s.Close())
		}},
	)
}

func want(value []byte, err error) error {
	if err == nil && len(value) != valueBytes {
		return fmt.Errorf("a value of %d bytes", len(value))
	}
	return err
}

func fill(b *testing.B, store kv.Store) {
	b.Helper()
	for i := uint64(0); i < keys; i += batch {
		tx := store.Begin(kv.TxOptions{})
		for j := range uint64(batch) {
			tx.Set(key(i+j), make([]byte, valueBytes))
		}
		benchtest.Check(b, tx.Commit(context.Background()))
	}
}

func BenchmarkMemory(b *testing.B) {
	for name, open := range map[string]func(*testing.B) kv.Store{
		"memory": benchtest.MemoryStore, "disk": benchtest.DiskStore} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				store := open(b)
				fill(b, store)
				b.ReportMetric(float64(heap()-before)/(1<<20), "MiB/Mkeys")
				runtime.KeepAlive(store)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

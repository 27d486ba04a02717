// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// writers is the number of tasks that commit at a time.
const writers = 64

// BenchmarkPebbleSync is the measure of BenchmarkCommitPebble: as many tasks commit a batch of one pair each to
// Pebble itself, with a sync, which Pebble shares between those that wait.
func BenchmarkPebbleSync(b *testing.B) {
	db, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	value := make([]byte, 100)
	together(b, func(i int) error {
		batch := db.NewBatch()
		err := batch.Set(benchKey(i), value, nil)
		return errors.Join(err, batch.Commit(pebble.Sync), batch.Close())
	})
}

func BenchmarkCommitPebble(b *testing.B) {
	engine, err := pebbledb.Open(b.TempDir(), pebbledb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	benchmarkCommit(b, engine)
}

func BenchmarkCommitMemory(b *testing.B) { benchmarkCommit(b, occ.NewMemory()) }

// benchmarkCommit commits blind writes of one pair.
func benchmarkCommit(b *testing.B, engine occ.Engine) {
	s := openBench(b, engine)
	value := make([]byte, 100)
	ctx := context.Background()
	together(b, func(i int) error {
		tx := s.Begin(kv.TxOptions{})
		tx.Set(benchKey(i), value)
		return tx.Commit(ctx)
	})
}

// BenchmarkKeptMemory is the steady state of a hot actor: a kept read version, two read conflicts, two writes.
func BenchmarkKeptMemory(b *testing.B) {
	s := openBench(b, occ.NewMemory())
	value := make([]byte, 100)
	ctx := context.Background()
	var kept [writers]atomic.Int64
	together(b, func(i int) error {
		claim, seq := fmt.Appendf(nil, "claim/%d", i%writers), fmt.Appendf(nil, "seq/%d", i%writers)
		tx := s.Begin(kv.TxOptions{})
		if v := kept[i%writers].Load(); v != 0 {
			tx.SetReadVersion(kv.Version(v))
		}
		err := errors.Join(tx.AddReadConflictRange(claim, kv.KeyAfter(claim)),
			tx.AddReadConflictRange(seq, kv.KeyAfter(seq)))
		tx.Set(seq, value)
		tx.Set(benchKey(i%writers), value)
		if err := errors.Join(err, tx.Commit(ctx)); err != nil {
			return err
		}
		kept[i%writers].Store(int64(tx.CommittedVersion()))
		return nil
	})
}

func openBench(b *testing.B, engine occ.Engine) *occ.Store {
	s, err := occ.Open(env.Real(), engine, occ.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// together calls f b.N times from as many tasks as there are writers. Task n calls it with n, n+writers, and so on.
func together(b *testing.B, f func(i int) error) {
	g := env.NewGroup(env.Real(), context.Background())
	defer g.Stop()
	b.ResetTimer()
	for n := range writers {
		g.Go("writer", func(context.Context) {
			for i := n; i < b.N; i += writers {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	if err := g.Wait(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// benchKey spreads the keys over the key space.
func benchKey(i int) []byte {
	return binary.BigEndian.AppendUint64([]byte("bench/"), uint64(i)*0x9e3779b97f4a7c15)
}

// quiet discards what Pebble says.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

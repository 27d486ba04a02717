// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	writers  = 64
	turns    = 7
	turnTime = 500 * time.Millisecond
)

type counter struct {
	N int64 `json:"n"`
}

var counters = actor.New[counter]("counter").
	With(actor.Write("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
		c.N += n
		return c.N, nil
	}))

func openStore(b *testing.B) kv.Store {
	b.Helper()
	db, err := pebbledb.Open(b.TempDir(), pebbledb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	store, err := occ.Open(env.Real(), db, occ.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

// actorWriters returns writers that add to an actor each, at a node in this process.
func actorWriters(b *testing.B) func(i int) error {
	b.Helper()
	n, err := node.New(node.Config{
		Env: env.Real(), Store: openStore(b), Transport: tcp.New(), NodeID: "n1", Listen: "127.0.0.1:0", Kinds: []actor.Kind{counters},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := n.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	one, err := actor.Marshal(int64(1))
	if err != nil {
		b.Fatal(err)
	}
	return func(i int) error {
		_, err := n.Invoke(context.Background(), api.ActorID{Namespace: "counter", ID: strconv.Itoa(i)}, "add", "", one)
		return err
	}
}

// plainWriters returns writers that commit two keys each, as much as an actor's commit writes, without reading.
func plainWriters(b *testing.B) func(i int) error {
	b.Helper()
	store := openStore(b)
	var n atomic.Uint64
	return func(i int) error {
		tx := store.Begin(kv.TxOptions{})
		value := binary.BigEndian.AppendUint64(make([]byte, 0, 32), n.Add(1))[:32]
		tx.Set([]byte("state/counter/"+strconv.Itoa(i)), value)
		tx.Set([]byte("seq/counter/"+strconv.Itoa(i)), value)
		return tx.Commit(context.Background())
	}
}

// rate is how many writes per second come through.
func rate(b *testing.B, write func(i int) error) float64 {
	b.Helper()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range writers {
		wg.Go(func() {
			for time.Since(begin) < turnTime {
				if err := write(i); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return float64(done.Load()) / time.Since(begin).Seconds()
}

// BenchmarkDurable measures both in turns and reports the medians of writes per second and their ratio.
func BenchmarkDurable(b *testing.B) {
	actors, plain := actorWriters(b), plainWriters(b)
	var a, p []float64
	for b.Loop() {
		rate(b, actors) // activates
		for range turns {
			a, p = append(a, rate(b, actors)), append(p, rate(b, plain))
		}
	}
	slices.Sort(a)
	slices.Sort(p)
	b.ReportMetric(a[len(a)/2], "actors/s")
	b.ReportMetric(p[len(p)/2], "plain/s")
	b.ReportMetric(a[len(a)/2]/p[len(p)/2], "actors/plain")
	b.ReportMetric(0, "ns/op")
}

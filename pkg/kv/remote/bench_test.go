// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// benchWriters is how many transactions are under way at a time.
const benchWriters = 64

// BenchmarkCommit compares blind commits on a store in memory with the same store behind TCP, in one process.
func BenchmarkCommit(b *testing.B) {
	e := env.Real()
	store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
	if err != nil {
		b.Fatal(err)
	}
	mux := rpc.NewMux()
	service := remote.Register(mux, e, store)
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := rpc.NewServer(e, rpc.ServerConfig{}, mux)
	serving := env.Start(e, context.Background(), "serve", func(ctx context.Context) {
		if err := served.Serve(ctx, l); err != nil {
			b.Error(err)
		}
	})
	pool := rpc.NewPool(e, tcp.New(), rpc.PoolConfig{})
	defer func() {
		pool.Close()
		s := &server{env: e, store: store, service: service, rpc: served, serving: serving}
		if err := s.close(); err != nil {
			b.Error(err)
		}
	}()
	b.Run("embedded", func(b *testing.B) { commitMany(b, store) })
	b.Run("remote", func(b *testing.B) { commitMany(b, remote.Open(e, pool, l.Addr())) })
}

func commitMany(b *testing.B, store kv.Store) {
	next := atomic.Int64{}
	value := make([]byte, 100)
	b.ReportAllocs()
	b.SetParallelism(benchWriters / 2)
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Appendf(nil, "key%03d", next.Add(1))
		for pb.Next() {
			tx := store.Begin(kv.TxOptions{})
			tx.Set(key, value)
			if err := tx.Commit(context.Background()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

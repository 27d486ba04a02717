// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// BenchmarkStore compares a store in memory with the same store behind TCP, in one process: reads of a key at a
// version that is known, transactions that read a key, ones that write one, and ones that do both, by one task and by
// several at a time.
func BenchmarkStore(b *testing.B) {
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
	distant := remote.Open(e, pool, l.Addr())
	for _, op := range []struct {
		name string
		do   func(store kv.Store, key []byte, pinned kv.Version) error
	}{{"get", benchGet}, {"read", benchRead}, {"write", benchWrite}, {"both", benchBoth}} {
		for _, workers := range []int{1, 16, 64} {
			for _, where := range []struct {
				name  string
				store kv.Store
			}{{"embedded", store}, {"remote", distant}} {
				b.Run(fmt.Sprintf("%s/%d/%s", op.name, workers, where.name), func(b *testing.B) {
					benchTogether(b, workers, where.store, op.do)
				})
			}
		}
	}
}

func benchGet(store kv.Store, key []byte, v kv.Version) error {
	tx := store.Begin(kv.TxOptions{})
	tx.SetReadVersion(v)
	_, err := tx.Get(context.Background(), key)
	return err
}

func benchRead(store kv.Store, key []byte, _ kv.Version) error {
	_, err := store.Begin(kv.TxOptions{}).Get(context.Background(), key)
	return err
}

func benchWrite(store kv.Store, key []byte, _ kv.Version) error {
	tx := store.Begin(kv.TxOptions{})
	tx.Set(key, make([]byte, 100))
	return tx.Commit(context.Background())
}

func benchBoth(store kv.Store, key []byte, _ kv.Version) error {
	tx := store.Begin(kv.TxOptions{})
	if _, err := tx.Get(context.Background(), key); err != nil {
		return err
	}
	tx.Set(key, make([]byte, 100))
	return tx.Commit(context.Background())
}

// benchTogether runs b.N operations on several workers, each with a key of its own.
func benchTogether(b *testing.B, workers int, store kv.Store, do func(store kv.Store, key []byte, v kv.Version) error) {
	if err := benchWrite(store, []byte("key000"), 0); err != nil {
		b.Fatal(err)
	}
	v, err := store.(kv.Pinner).Pin(context.Background(), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	tasks := env.NewGroup(env.Real(), context.Background())
	defer tasks.Stop()
	for w := range workers {
		tasks.Go("worker", func(context.Context) {
			key := fmt.Appendf(nil, "key%03d", w)
			for range (b.N + workers - 1 - w) / workers {
				if err := do(store, key, v); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	if err := tasks.Wait(context.Background()); err != nil {
		b.Error(err)
	}
	b.StopTimer()
	if err := store.(kv.Pinner).Unpin(context.Background(), v); err != nil {
		b.Error(err)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cold

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/kelpiehq/kelpie/bench/internal/benchtest"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
)

const (
	callers = 64
	// claimBytes is about the size of what a claim writes.
	claimBytes = 64
)

type counter struct {
	N int64 `json:"n"`
}

func counters(ns string, c actor.Consistency) actor.Kind {
	return actor.New[counter](ns).WithConsistency(c).
		With(actor.WriteFunc("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
			c.N += n
			return c.N, nil
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, c *counter, _ struct{}) (int64, error) {
			return c.N, nil
		}))
}

var stale, linearizable = counters("stale", actor.Stale), counters("linearizable", actor.Linearizable)

// first returns calls of a method, each of another actor.
func first(b *testing.B, kind actor.Kind, method string) func(int) error {
	b.Helper()
	return firstAt(benchtest.Node(b, benchtest.DiskStore(b), kind), kind.Spec().Namespace, method)
}

func firstAt(n *node.Node, ns, method string) func(int) error {
	one := []byte{1} // as encoded
	var next atomic.Int64
	return func(int) error {
		_, err := n.Invoke(context.Background(), api.ActorID{Namespace: ns, ID: strconv.FormatInt(next.Add(1), 10)},
			method, "", one)
		return err
	}
}

// claim returns transactions that are shaped as that of a claim, each of other keys.
func claim(b *testing.B) func(int) error {
	b.Helper()
	store := benchtest.DiskStore(b)
	var next atomic.Int64
	return func(int) error {
		of := []byte("/" + strconv.FormatInt(next.Add(1), 10))
		key := func(kind string) []byte { return append([]byte(kind), of...) }
		_, err := kv.Transact(context.Background(), env.Real(), store, kv.TxOptions{},
			func(ctx context.Context, tx kv.Tx) (struct{}, error) {
				if _, err := tx.GetAll(ctx, key("claim"), key("call"), []byte("fence"), []byte("fence2")); err != nil {
					return struct{}{}, err
				}
				begin := key("state")
				if _, _, err := tx.Snapshot().Range(ctx, begin, kv.PrefixEnd(append(begin, '/')),
					kv.RangeOptions{}); err != nil {
					return struct{}{}, err
				}
				tx.Set(key("claim"), make([]byte, claimBytes))
				tx.Set(key("call"), make([]byte, claimBytes))
				return struct{}{}, nil
			})
		return err
	}
}

// BenchmarkCold compares first calls per second.
func BenchmarkCold(b *testing.B) {
	benchtest.Compare(b,
		benchtest.Side{Name: "stale", Callers: callers, Call: first(b, stale, "get")},
		benchtest.Side{Name: "reading", Callers: callers, Call: first(b, linearizable, "get")},
		benchtest.Side{Name: "writing", Callers: callers, Call: first(b, linearizable, "add")},
		benchtest.Side{Name: "claims", Callers: callers, Call: claim(b)},
	)
}

// BenchmarkSide measures one side alone, for profiles.
func BenchmarkSide(b *testing.B) {
	for _, s := range []struct {
		name string
		call func(b *testing.B) func(int) error
	}{
		{"stale", func(b *testing.B) func(int) error { return first(b, stale, "get") }},
		{"reading", func(b *testing.B) func(int) error { return first(b, linearizable, "get") }},
		{"writing", func(b *testing.B) func(int) error { return first(b, linearizable, "add") }},
		{"claims", claim},
	} {
		b.Run(s.name, func(b *testing.B) {
			call := s.call(b)
			b.ReportAllocs()
			b.SetParallelism(callers)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(0); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

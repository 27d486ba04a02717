// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/kelpiehq/kelpie/bench/internal/benchtest"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const writers = 64

type counter struct {
	N int64 `json:"n"`
}

var counters = actor.New[counter]("counter").
	With(actor.Write("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
		c.N += n
		return c.N, nil
	}))

// actorWriter returns a writer that adds to the ith of some actors, at a node in this process.
func actorWriter(b *testing.B) func(i int) error {
	b.Helper()
	n := benchtest.Node(b, benchtest.DiskStore(b), counters)
	one, err := actor.Marshal(int64(1))
	benchtest.Check(b, err)
	return func(i int) error {
		_, err := n.Invoke(context.Background(), api.ActorID{Namespace: "counter", ID: strconv.Itoa(i)}, "add", "", one)
		return err
	}
}

// plainWriter returns a writer that commits two keys, as much as an actor's commit writes, without reading.
func plainWriter(b *testing.B) func(i int) error {
	b.Helper()
	store := benchtest.DiskStore(b)
	var n atomic.Uint64
	return func(i int) error {
		tx := store.Begin(kv.TxOptions{})
		value := binary.BigEndian.AppendUint64(make([]byte, 0, 32), n.Add(1))[:32]
		tx.Set([]byte("state/counter/"+strconv.Itoa(i)), value)
		tx.Set([]byte("seq/counter/"+strconv.Itoa(i)), value)
		return tx.Commit(context.Background())
	}
}

// BenchmarkDurable compares writers of an actor each with as many of plain transactions.
func BenchmarkDurable(b *testing.B) {
	benchtest.Compare(b,
		benchtest.Side{Name: "actors", Callers: writers, Call: actorWriter(b)},
		benchtest.Side{Name: "plain", Callers: writers, Call: plainWriter(b)},
	)
}

// BenchmarkHot compares writers of one actor with one that commits a transaction at a time.
func BenchmarkHot(b *testing.B) {
	write := actorWriter(b)
	benchtest.Compare(b,
		benchtest.Side{Name: "hot", Callers: writers, Call: func(int) error { return write(0) }},
		benchtest.Side{Name: "single", Callers: 1, Call: plainWriter(b)},
	)
}

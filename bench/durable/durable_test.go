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
	With(actor.WriteFunc("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
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

// batchWriter returns a writer of transactions that hold what the batches of some actors write, with the conflicts of
// their claims: state, sequence number, a record of an answer and the end of the one before.
func batchWriter(b *testing.B, actors int) func(caller int) error {
	b.Helper()
	store := benchtest.DiskStore(b)
	var n atomic.Uint64
	return func(caller int) error {
		v, err := store.Begin(kv.TxOptions{}).ReadVersion(context.Background()) // an actor knows one
		if err != nil {
			return err
		}
		tx := store.Begin(kv.TxOptions{})
		tx.SetReadVersion(v)
		for i := range actors {
			name := strconv.Itoa(caller*actors + i)
			seq := []byte("seq/counter/" + name)
			for _, key := range [][]byte{[]byte("claim/counter/" + name), seq} {
				if err := tx.AddReadConflictRange(key, kv.KeyAfter(key)); err != nil {
					return err
				}
			}
			call := n.Add(1)
			value := binary.BigEndian.AppendUint64(make([]byte, 0, 96), call)
			tx.Set([]byte("state/counter/"+name+"/s"), value[:16])
			tx.Set([]byte("state/counter/"+name+"/r/client/"+strconv.FormatUint(call, 10)), value[:96])
			tx.Clear([]byte("state/counter/" + name + "/r/client/" + strconv.FormatUint(call-1, 10)))
			tx.Set(seq, value[:32])
		}
		return tx.Commit(context.Background())
	}
}

// BenchmarkTogether compares transactions that hold the batches of 64 actors with as many of one actor each.
func BenchmarkTogether(b *testing.B) {
	benchtest.Compare(b,
		benchtest.Side{Name: "together", Callers: 2, Call: batchWriter(b, writers), Weight: writers},
		benchtest.Side{Name: "actors", Callers: writers, Call: actorWriter(b)},
		benchtest.Side{Name: "each", Callers: writers, Call: batchWriter(b, 1)},
	)
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

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package moves

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/bench/internal/benchtest"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// bag is a state of any size, and memory of any size that is not stored.
type bag struct {
	N      int    `json:"n"`
	Text   string `json:"text"`
	memory []byte
}

var bags = actor.New[bag]("bag").
	OnMigrate(
		func(_ *actor.Context, s *bag) ([]byte, error) { return s.memory, nil },
		func(_ *actor.Context, s *bag, luggage []byte) error { s.memory = luggage; return nil },
	).
	With(actor.WriteFunc("fill", func(_ *actor.Context, s *bag, sizes [2]int) (int, error) {
		s.Text, s.memory = strings.Repeat("x", sizes[0]), make([]byte, sizes[1])
		return 0, nil
	})).
	With(actor.WriteFunc("add", func(_ *actor.Context, s *bag, n int) (int, error) {
		s.N += n
		return s.N, nil
	})).
	With(actor.ReadFunc("get", func(_ *actor.Context, s *bag, _ struct{}) (int, error) { return s.N, nil }))

type cluster struct {
	*testing.B
	nodes  []*node.Node
	client *client.Client
	pool   *rpc.Pool
}

func start(b *testing.B, nodes int, ttl time.Duration) *cluster {
	b.Helper()
	store := benchtest.DiskStore(b)
	c := &cluster{B: b, pool: rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})}
	b.Cleanup(c.pool.Close)
	var addrs []string
	for i := range nodes {
		n := c.startNode(store, i, ttl)
		addrs = append(addrs, n.Addr())
	}
	var err error
	c.client, err = client.New(env.Real(), tcp.New(), client.Config{Addrs: addrs})
	benchtest.Check(b, err)
	b.Cleanup(c.client.Close)
	time.Sleep(2 * time.Second) // until all know of all
	return c
}

func (c *cluster) startNode(store kv.Store, i int, ttl time.Duration) *node.Node {
	c.Helper()
	n, err := node.New(node.Config{
		Env: env.Real(), Store: store, Transport: tcp.New(), NodeID: fmt.Sprint("n", i+1), Listen: "127.0.0.1:0",
		Kinds: []actor.Kind{bags}, LeaseTTL: ttl,
	})
	benchtest.Check(c.B, err)
	benchtest.Check(c.B, n.Start(context.Background()))
	c.nodes = append(c.nodes, n)
	c.Cleanup(func() { _ = n.Stop(context.Background()) }) // some have ended before
	return n
}

func admin[Req, Resp any](c *cluster, method string, req *Req) *Resp {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := rpc.CallTyped[Req, Resp](ctx, c.pool, c.nodes[0].Addr(), method, req)
	benchtest.Check(c.B, err)
	return reply
}

func (c *cluster) call(id api.ActorID, method string, request any) {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := client.Call[int](ctx, c.client, id, method, request)
	benchtest.Check(c.B, err)
}

// moves is how often an actor is moved for each figure.
const moves = 150

// BenchmarkPause moves an actor to and fro, while a caller calls it without a pause, and reports how long the slowest
// call took that overlapped with each move, and how long the actor took none by its own account.
func BenchmarkPause(b *testing.B) {
	for _, size := range []struct {
		name          string
		state, memory int
	}{{"1kB", 1000, 0}, {"64kB", 64_000, 0}, {"1MB", 1_000_000, 0}, {"10MB-memory", 1000, 10_000_000}} {
		for _, method := range []string{"get", "add"} {
			b.Run(size.name+"/"+method, func(b *testing.B) {
				c := start(b, 2, 0)
				id := api.ActorID{Namespace: "bag", ID: "a"}
				c.call(id, "fill", [2]int{size.state, size.memory})
				for b.Loop() {
					seen, told := c.pauses(id, method)
					b.ReportMetric(at(seen, 50), "seen-p50-ms")
					b.ReportMetric(at(seen, 99), "seen-p99-ms")
					b.ReportMetric(at(told, 50), "told-p50-ms")
					b.ReportMetric(at(told, 99), "told-p99-ms")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// span is a call: when it began and ended.
type span struct{ from, to time.Time }

func (c *cluster) pauses(id api.ActorID, method string) (seen, told []time.Duration) {
	over, done := make(chan struct{}), make(chan []span)
	go func() {
		var calls []span
		for {
			select {
			case <-over:
				done <- calls
				return
			default:
			}
			from := time.Now()
			if method == "add" {
				c.call(id, method, 1)
			} else {
				c.call(id, method, struct{}{})
			}
			calls = append(calls, span{from, time.Now()})
		}
	}()
	var times []span
	for i := range moves {
		from := time.Now()
		reply := admin[api.MigrateRequest, api.MigrateReply](c, api.MethodMigrate,
			&api.MigrateRequest{Actor: id.String(), To: fmt.Sprint("n", 1+i%2), Force: true})
		if reply.Moved {
			times = append(times, span{from, time.Now()})
			told = append(told, time.Duration(reply.PauseMicros)*time.Microsecond)
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(over)
	calls := <-done
	for _, m := range times {
		var longest time.Duration
		for _, k := range calls {
			if k.from.Before(m.to) && k.to.After(m.from) {
				longest = max(longest, k.to.Sub(k.from))
			}
		}
		seen = append(seen, longest)
	}
	return seen, told
}

// at is a percentile, in milliseconds.
func at(all []time.Duration, percent int) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)*percent/100, len(all)-1)].Microseconds()) / 1000
}

// BenchmarkDrain empties a node of 10,000 actors, and another one of what it has got by that.
func BenchmarkDrain(b *testing.B) {
	const actors, callers = 10_000, 64
	c := start(b, 2, 0)
	var wg sync.WaitGroup
	for g := range callers {
		wg.Go(func() {
			for i := g; i < actors; i += callers {
				c.call(api.ActorID{Namespace: "bag", ID: strconv.Itoa(i)}, "add", 1)
			}
		})
	}
	wg.Wait()
	var took time.Duration
	var moved int
	for b.Loop() {
		for _, node := range []string{"n1", "n2"} {
			s := admin[api.BulkRequest, api.BulkStatus](c, api.MethodBulk,
				&api.BulkRequest{Node: node, Kind: api.BulkDrain})
			for s.State == api.BulkRunning {
				time.Sleep(5 * time.Millisecond)
				s = admin[api.BulkStatusRequest, api.BulkStatus](c, api.MethodBulkStatus,
					&api.BulkStatusRequest{Node: node})
			}
			if s.Left > 0 {
				b.Fatalf("%+v", s)
			}
			moved, took = moved+s.Moved, took+time.Duration(s.ElapsedMillis)*time.Millisecond
			admin[api.BulkCancelRequest, api.BulkStatus](c, api.MethodBulkCancel, &api.BulkCancelRequest{Node: node})
			time.Sleep(2 * time.Second) // until all know
		}
	}
	b.ReportMetric(float64(moved)/took.Seconds(), "moves/s")
	b.ReportMetric(took.Seconds()/float64(moved)*actors, "s/10000")
	b.ReportMetric(0, "ns/op")
}

// failovers is how often a node dies for each figure.
const failovers = 10

// BenchmarkFailover lets a node die that has an actor, and reports how long a caller waits for that actor.
func BenchmarkFailover(b *testing.B) {
	for _, ttl := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
		b.Run("ttl="+ttl.String(), func(b *testing.B) {
			for b.Loop() {
				var waits []time.Duration
				for range failovers {
					waits = append(waits, failover(b, ttl))
				}
				b.ReportMetric(at(waits, 50), "p50-ms")
				b.ReportMetric(at(waits, 99), "p99-ms")
				b.ReportMetric(at(waits, 99)/float64(ttl.Milliseconds()), "p99/ttl")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func failover(b *testing.B, ttl time.Duration) time.Duration {
	b.Helper()
	c := start(b, 3, ttl)
	// An actor of a node that the others do not depend on.
	var id api.ActorID
	for i := 0; ; i++ {
		id = api.ActorID{Namespace: "bag", ID: strconv.Itoa(i)}
		c.call(id, "add", 1)
		row := admin[api.ActorGetRequest, api.ActorRow](c, api.MethodActorGet, &api.ActorGetRequest{Actor: id.String()})
		if row.Node == "n3" {
			break
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.nodes[2].Stop(ended) // it does not come to giving up its lease
	from := time.Now()
	c.call(id, "add", 1)
	return time.Since(from)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/kelpiehq/kelpie/bench/internal/benchtest"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	callers      = 64
	payloadBytes = 100
)

var payload = bytes.Repeat([]byte("k"), payloadBytes)

// echoKind answers with the request.
type echoKind actor.Consistency

func (k echoKind) namespace() string { return string(k) }

// Spec implements actor.Kind.
func (k echoKind) Spec() *kind.Spec {
	return &kind.Spec{
		Namespace: k.namespace(), Consistency: string(k), NewState: func() any { return new(struct{}) },
		Methods: map[string]*kind.Method{"echo": {
			Name: "echo", ReadOnly: true,
			Run: func(_ kind.Turn, _ any, request []byte) ([]byte, error) { return request, nil },
		}},
	}
}

var stale, linearizable = echoKind(actor.Stale), echoKind(actor.Linearizable)

// call makes a caller's call of the actor of its own.
type call func(caller int) error

func ids(k echoKind) []api.ActorID {
	all := make([]api.ActorID, callers)
	for i := range all {
		all[i] = api.ActorID{Namespace: k.namespace(), ID: strconv.Itoa(i)}
	}
	return all
}

// invoke calls from inside the node's process.
func invoke(n *node.Node, k echoKind) call {
	actors := ids(k)
	return func(i int) error { return checkEcho(n.Invoke(context.Background(), actors[i], "echo", "", payload)) }
}

// remote calls over TCP.
func remote(b *testing.B, n *node.Node, k echoKind) call {
	c, err := client.New(env.Real(), tcp.New(), client.Config{Addrs: []string{n.Addr()}})
	benchtest.Check(b, err)
	b.Cleanup(c.Close)
	actors := ids(k)
	return func(i int) error { return checkEcho(c.CallRaw(context.Background(), actors[i], "echo", payload)) }
}

func checkEcho(answer []byte, err error) error {
	if err == nil && !bytes.Equal(answer, payload) {
		err = fmt.Errorf("echo of %d bytes differs from the %d bytes sent", len(answer), len(payload))
	}
	return err
}

// request is what a bare actor receives.
type request struct {
	payload []byte
	reply   chan []byte
}

// bare asks goroutines.
func bare(b *testing.B) call {
	actors := make([]chan request, callers)
	for i := range actors {
		actors[i] = make(chan request)
		go func() {
			for r := range actors[i] {
				r.reply <- r.payload
			}
		}()
		b.Cleanup(func() { close(actors[i]) })
	}
	return func(i int) error {
		r := request{payload: payload, reply: make(chan []byte, 1)}
		actors[i] <- r
		return checkEcho(<-r.reply, nil)
	}
}

// BenchmarkEcho compares calls per second.
func BenchmarkEcho(b *testing.B) {
	n := benchtest.Node(b, benchtest.MemoryStore(b), stale, linearizable)
	benchtest.Compare(b,
		benchtest.Side{Name: "stale", Callers: callers, Call: invoke(n, stale)},
		benchtest.Side{Name: "linearizable", Callers: callers, Call: invoke(n, linearizable)},
		benchtest.Side{Name: "bare", Callers: callers, Call: bare(b)},
	)
}

// allocsRuns is over how many calls allocations are counted.
const allocsRuns = 10_000

// BenchmarkAllocs reports allocations per call.
func BenchmarkAllocs(b *testing.B) {
	n := benchtest.Node(b, benchtest.MemoryStore(b), stale, linearizable)
	for _, way := range []struct {
		name string
		call call
	}{
		{"stale", invoke(n, stale)},
		{"linearizable", invoke(n, linearizable)},
		{"remote-stale", remote(b, n, stale)},
		{"remote-linearizable", remote(b, n, linearizable)},
		{"bare", bare(b)},
	} {
		benchtest.Check(b, way.call(0)) // activates
		b.ReportMetric(allocs(b, way.call), way.name+"-allocs/call")
	}
	b.ReportMetric(0, "ns/op")
}

// allocs is how many allocations the whole process makes for a call.
func allocs(b *testing.B, call call) float64 {
	b.Helper()
	return testing.AllocsPerRun(allocsRuns, func() { benchtest.Check(b, call(0)) })
}

// BenchmarkWay measures one way alone, for profiles.
func BenchmarkWay(b *testing.B) {
	n := benchtest.Node(b, benchtest.MemoryStore(b), stale, linearizable)
	for name, way := range map[string]call{"stale": invoke(n, stale), "linearizable": invoke(n, linearizable),
		"bare": bare(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := way(0); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

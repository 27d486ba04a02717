// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	nodeID = "n1"
	// heartbeat is short, for the test waits for some.
	heartbeat = 100 * time.Millisecond
	// leaseTTL is so long that no pause of the machine costs the lease.
	leaseTTL = time.Minute
	// idleTimeout is longer than the test.
	idleTimeout = 24 * time.Hour
	// callers is how many call at once: enough to keep the store busy.
	callers = 256
)

type counter struct {
	N int64 `json:"n"`
}

var counters = actor.New[counter]("counter").WithIdleTimeout(idleTimeout).
	With(actor.WriteFunc("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
		c.N += n
		return c.N, nil
	})).
	With(actor.ReadFunc("get", func(_ *actor.Context, c *counter, _ struct{}) (int64, error) {
		return c.N, nil
	}))

// host is the one node, with its store.
type host struct {
	node  *node.Node
	store *counted
	one   []byte // what add adds
}

func startNode(ctx context.Context, t *testing.T) *host {
	t.Helper()
	h := &host{store: newCounted(startStore(t), nodeID)}
	var err error
	h.one, err = actor.Marshal(int64(1))
	check(t, err)
	h.node, err = node.New(node.Config{
		Env: env.Real(), Store: h.store, Transport: tcp.New(), NodeID: nodeID, Listen: "127.0.0.1:0",
		Kinds: []actor.Kind{counters}, LeaseTTL: leaseTTL, Heartbeat: heartbeat,
	})
	check(t, err)
	check(t, h.node.Start(ctx))
	t.Cleanup(func() { check(t, h.node.Stop(context.Background())) })
	return h
}

// activate calls a method of n actors, once each, from many callers. name begins the actors' ids.
func (h *host) activate(ctx context.Context, t *testing.T, method, name string, n int) {
	t.Helper()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n) && failed.Load() == nil; i = next.Add(1) {
				id := api.ActorID{Namespace: "counter", ID: name + "-" + strconv.FormatInt(i, 10)}
				if err := h.call(ctx, id, method); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
}

// call calls an actor with a context of its own, as callers have: nothing of it may stay.
func (h *host) call(ctx context.Context, id api.ActorID, method string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := h.node.Invoke(ctx, id, method, "", h.one)
	return err
}

// heapBytes is the size of what the process holds on its heap. What is in pools goes with a second collection.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// writeProfile writes what the heap is made of, as of the last collection.
func writeProfile(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	check(t, err)
	check(t, pprof.Lookup("heap").WriteTo(f, 0))
	check(t, f.Close())
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// Nodes on goroutines and TCP, for the race detector: callers of few actors through all nodes, while
// claims are broken and a node stops.
func TestOnGoroutines(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e := env.Real()
	store := openReal(t, e)
	var nodes []*node.Node
	var addrs []string
	for i := range 3 {
		n, err := node.New(node.Config{
			Env: e, Store: store, Transport: tcp.New(), NodeID: fmt.Sprintf("n%d", i+1), Listen: "127.0.0.1:0",
			Kinds: []actor.Kind{counters, journals, links}, LeaseTTL: 3 * time.Second,
			Heartbeat: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(ctx); err != nil {
			t.Fatal(err)
		}
		nodes, addrs = append(nodes, n), append(addrs, n.Addr())
	}
	const actors, callers, calls = 4, 12, 40
	var mu sync.Mutex
	replies := make(map[string][]int64)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			c, err := client.New(e, tcp.New(), client.Config{Addrs: slices.Concat(addrs[i%3:], addrs[:i%3])})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range calls {
				id := counter(fmt.Sprint((i + j) % actors))
				now, err := client.Call[int64](ctx, c, id, "add", 1)
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
				mu.Lock()
				replies[id.ID] = append(replies[id.ID], now)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() { disturb(ctx, t, addrs[0]) })
	wg.Go(func() {
		if err := nodes[2].Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	for id, got := range replies {
		slices.Sort(got)
		for i, n := range got {
			if n != int64(i+1) {
				t.Fatalf("counter/%s answered %v: not 1 to %d, each once", id, got, len(got))
			}
		}
	}
	for _, n := range nodes[:2] {
		if err := n.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// disturb breaks claims while they are in use.
func disturb(ctx context.Context, t *testing.T, addr string) {
	c, err := client.New(env.Real(), tcp.New(), client.Config{Addrs: []string{addr}})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for i := range 20 {
		_, err := client.Admin[api.ClaimBreakRequest, api.ClaimBreakReply](ctx, c, api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: counter(fmt.Sprint(i % 4)).String()})
		if err != nil {
			t.Error(err)
		}
	}
}

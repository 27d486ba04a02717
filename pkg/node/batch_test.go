// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// slowStore gives each commit a time of its own.
func (c *cluster) slowStore(d time.Duration) {
	c.store.commit = func(_ string, commit func() error) error {
		c.sleep(d)
		return commit()
	}
}

// crowd has n callers add 1 to an actor, several times each, at once.
func (c *cluster) crowd(id api.ActorID, n, times int) {
	c.Helper()
	pool := rpc.NewPool(c.env, c.network.Transport(c.env, "crowd"), rpc.PoolConfig{})
	defer pool.Close()
	callers := env.NewGroup(c.env, c.ctx)
	defer callers.Stop()
	for range n {
		callers.Go("caller", func(context.Context) {
			for range times {
				if err := c.callBy(pool, "n1", time.Minute, id, "add", "", 1, nil); err != nil {
					c.Errorf("add: %v", err)
				}
			}
		})
	}
	if err := callers.Wait(c.ctx); err != nil {
		c.Fatal(err)
	}
}

func TestCallersOfAHotActorShareCommits(t *testing.T) {
	for _, test := range []struct {
		name     string
		maxBatch int
		good     func(batches int) bool
	}{
		// While a batch is on its way, all the others have come: each caller's call is in every other batch.
		{"batching", 0, func(n int) bool { return n <= 1+2*10 }},
		{"at most eight", 8, func(n int) bool { return n >= 64*10/8 && n <= 64*10/4 }},
		{"off", 1, func(n int) bool { return n == 64*10 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulate(t, 2, func(c *cluster) {
				c.tune = func(config *node.Config) { config.MaxBatch = test.maxBatch }
				c.startAll(1)
				c.add("n1", counter("a"), 1)
				batches := c.store.batches()
				c.slowStore(5 * time.Millisecond)
				c.crowd(counter("a"), 64, 10)
				if got := c.get("n1", counter("a")); got != 641 || !test.good(*batches) {
					c.Fatalf("the counter is at %d after 640 adds in %d batches", got, *batches)
				}
			})
		})
	}
}

func TestALoneCallerDoesNotWaitForABatch(t *testing.T) {
	took := map[int]time.Duration{}
	for _, maxBatch := range []int{0, 1} {
		simulate(t, 1, func(c *cluster) {
			c.tune = func(config *node.Config) { config.MaxBatch = maxBatch }
			c.startAll(1)
			c.add("n1", counter("a"), 1)
			c.slowStore(5 * time.Millisecond)
			began := c.env.Monotonic()
			for range 100 {
				c.add("n1", counter("a"), 1)
			}
			took[maxBatch] = c.env.Monotonic() - began
			if maxBatch == 1 && took[0] != took[1] || took[maxBatch] < 500*time.Millisecond {
				c.Errorf("100 calls one after the other take %v with batching, %v without", took[0], took[1])
			}
		})
	}
}

func TestACallThatWasGivenUpInTheMailboxDoesNotRun(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(1)
		c.add("n1", counter("a"), 1)
		c.slowStore(time.Second)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		callers := env.NewGroup(c.env, c.ctx)
		callers.Go("first", func(context.Context) {
			if err := c.callBy(pool, "n1", time.Minute, counter("a"), "add", "", 1, nil); err != nil {
				c.Errorf("add: %v", err)
			}
		})
		c.sleep(10 * time.Millisecond) // it is in its commit
		callers.Go("hasty", func(context.Context) {
			wantCode(c, c.callBy(pool, "n1", 100*time.Millisecond, counter("a"), "add", "", 100, nil),
				api.CodeDeadlineExceeded)
		})
		c.sleep(10 * time.Millisecond)
		callers.Go("cancels", func(ctx context.Context) {
			body := api.InvokeRequest{Actor: counter("a"), Method: "add", Body: []byte{100}}
			ctx, cancel := env.WithCancel(ctx)
			c.env.Go("cancel", func() { c.sleep(50 * time.Millisecond); cancel() })
			_, err := pool.Call(ctx, "n1:7600", rpc.ClassCall, api.MethodInvoke, body.AppendTo(nil))
			wantCode(c, err, api.CodeCancelled)
		})
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if got := c.get("n1", counter("a")); got != 2 {
			c.Fatalf("the counter is at %d: a call has run that nobody waited for", got)
		}
	})
}

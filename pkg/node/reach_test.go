// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// cutOff has one node not reach another any more, which goes on to reach everybody and the store.
func (c *cluster) cutOff(from, to string) {
	c.network.Block(from, to)
	c.sleep(30 * time.Second) // until the connections that there were are given up
}

// A call that could not be sent to its actor's owner has not run, and its caller is told so, and where the owner is,
// before its deadline.
func TestWhatWasNeverSentIsUnavailable(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.network.SetLatency(time.Millisecond)
		c.startAll(2)
		c.mustOwn("n2", counter("a"))
		c.cutOff("n1", "n2")
		for _, timeout := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
			for _, method := range []string{"add", "get"} {
				err := c.call("n1", timeout, counter("a"), method, 1, nil)
				c.wantCode(err, api.CodeUnavailable, "n2:7600")
				e, _ := errors.AsType[*api.Error](err)
				if e.Detail[api.DetailOwnerAddress] != "n2:7600" || e.Detail[api.DetailOwnerNode] != "n2" {
					c.Errorf("%s within %v is told %v: %v", method, timeout, e.Detail, err)
				}
			}
		}
	})
}

// A client that knows only a node that can't reach an actor's owner finds the owner by what that node says.
func TestAClientIsToldWhereTheOwnerIs(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.mustOwn("n2", counter("a"))
		c.cutOff("n1", "n2")
		cl, err := client.New(c.env, c.network.Transport(c.env, "client"), client.Config{Addrs: []string{"n1:7600"}})
		if err != nil {
			c.Fatal(err)
		}
		defer cl.Close()
		for i := range 3 {
			took, err := c.timed(func() error {
				_, err := client.Call[int64](c.ctx, cl, counter("a"), "add", 1)
				return err
			})
			if err != nil || took > 2*time.Second {
				c.Errorf("call %d after %v: %v", i, took, err)
			}
		}
	})
}

// Peers tell of a node that they can't reach while the store can, and of the end of that.
func TestPeersTellOfANodeThatTheyCannotReach(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.cutOff("n1", "n2")
		for _, via := range []string{"n1", "n3"} {
			row := c.nodeRow(via, "n2")
			if !slices.Equal(row.UnreachableFrom, []string{"n1"}) || row.State != "active" {
				c.Errorf("%s says of n2: %+v", via, row)
			}
			if row := c.nodeRow(via, "n3"); len(row.UnreachableFrom) != 0 {
				c.Errorf("%s says of n3: %+v", via, row)
			}
		}
		c.network.Unblock("n1", "n2")
		c.sleep(10 * time.Second)
		if row := c.nodeRow("n3", "n2"); len(row.UnreachableFrom) != 0 {
			c.Errorf("after the end of it: %+v", row)
		}
		told := map[string]int{}
		for _, kind := range []string{api.EventUnreachable, api.EventReachable} {
			for _, e := range c.events("n1", kind) {
				if e.Node == "n2" && e.By == "n1" {
					told[kind]++
				}
			}
		}
		if told[api.EventUnreachable] != 1 || told[api.EventReachable] != 1 {
			c.Errorf("told of: %v", told)
		}
	})
}

// A node that dies is not one that can't be reached: it loses its lease.
func TestADeadNodeDoesNotCountAsUnreachable(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.crash("n2")
		c.sleep(time.Minute)
		for _, e := range c.events("n1", api.EventUnreachable) {
			c.Errorf("told of: %+v", e)
		}
	})
}

// A node that most of the others can't reach for long is fenced if the cluster is told to, and only then: by a
// transaction that reads in the store what they say.
func TestANodeThatMostCannotReachIsFencedIfToldTo(t *testing.T) {
	for _, test := range []struct {
		after  time.Duration
		from   []string
		fenced bool
	}{
		{0, []string{"n1", "n3"}, false},
		{time.Minute, []string{"n1", "n3"}, true},
		{time.Minute, []string{"n1"}, false},
	} {
		t.Run(fmt.Sprint(test.after, test.from), func(t *testing.T) {
			simulate(t, 2, func(c *cluster) {
				c.tune = func(config *node.Config) { config.FenceUnreachable = test.after }
				c.startAll(3)
				c.mustOwn("n2", counter("a"))
				for _, from := range test.from {
					c.network.Block(from, "n2")
				}
				c.sleep(40 * time.Second)
				if row := c.nodeRow("n1", "n2"); row.Epoch != 1 {
					c.Fatalf("fenced too early: %+v", row)
				}
				c.sleep(2 * time.Minute)
				if row := c.nodeRow("n1", "n2"); row.Epoch > 1 != test.fenced {
					c.Errorf("%+v, want fenced: %v", row, test.fenced)
				}
				if test.fenced && c.add("n1", counter("a"), 1) != 1 {
					c.Error("its actor has lost its state")
				}
			})
		})
	}
}

// Two nodes that can't reach each other do not fence each other in turn.
func TestOfTwoNodesThatCannotReachEachOtherOneStays(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.tune = func(config *node.Config) { config.FenceUnreachable = 30 * time.Second }
		c.startAll(2)
		c.network.Partition("n1", "n2")
		c.sleep(10 * time.Minute)
		if row := c.nodeRow("n1", "n1"); row.Epoch != 1 {
			c.Errorf("n1 was fenced: %+v", row)
		}
		if row := c.nodeRow("n1", "n2"); row.Epoch == 1 {
			c.Errorf("n2 was not: %+v", row)
		}
	})
}

// A node that answers that it has too much to do can be reached.
func TestANodeThatRefusesPingsIsReachable(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		const callers, calls = 3, 1500 // more than one connection may have in flight
		open := env.NewEvent(c.env)
		c.kinds = append(c.kinds, actor.New[counterState]("waiter").
			With(actor.WriteFunc("add", func(*actor.Context, *counterState, int) (int, error) { return 0, nil })).
			With(actor.WriteFunc("wait", func(ctx *actor.Context, _ *counterState, _ int) (int, error) {
				return 0, open.Wait(ctx)
			})))
		c.tune = func(config *node.Config) { config.MaxPendingPerActor = callers * calls }
		c.startAll(2)
		id := api.ActorID{Namespace: "waiter", ID: "a"}
		c.mustOwn("n2", id)
		group := env.NewGroup(c.env, c.ctx)
		for range callers {
			pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
			defer pool.Close()
			for range calls {
				group.Go("call", func(context.Context) {
					err := c.callBy(pool, "n1", time.Minute, id, "wait", "", 1, nil)
					if err != nil && api.CodeOf(err) != api.CodeOverloaded {
						c.Error(err)
					}
				})
			}
		}
		c.sleep(20 * time.Second)
		if apart := c.nodeRow("n2", "n2").UnreachableFrom; len(apart) > 0 {
			c.Errorf("n2 is told to be out of reach of %q", apart)
		}
		open.Set()
		if err := group.Wait(c.ctx); err != nil {
			c.Error(err)
		}
	})
}

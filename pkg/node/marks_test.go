// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// sendBy delivers a message as a node does, or as somebody who is none, if the pool says so.
func (c *cluster) sendBy(pool *rpc.Pool, via string, id api.ActorID, method string, sender api.ActorID, number uint64,
	request any) {
	c.Helper()
	body, err := actor.Marshal(request)
	if err != nil {
		c.Fatal(err)
	}
	ctx, cancel := env.WithTimeout(c.env, c.ctx, 30*time.Second)
	defer cancel()
	in := api.InvokeRequest{
		Actor: id, Method: method, Key: api.CallKey{Name: fmt.Sprint("$send/", sender, number), Birth: 1},
		Sender: sender, SendNumber: number, Body: body,
	}
	if _, err = pool.Call(ctx, via+":7600", rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil)); err != nil {
		c.Fatal(err)
	}
}

// nodePool is that of a node, as far as others can tell.
func (c *cluster) nodePool() *rpc.Pool {
	return rpc.NewPool(c.env, c.network.Transport(c.env, "peer"),
		rpc.PoolConfig{Identity: rpc.Identity{NodeID: "peer"}})
}

func (c *cluster) notes(id api.ActorID) (got []string) {
	c.Helper()
	if err := c.call("n1", time.Minute, id, "notes", struct{}{}, &got); err != nil {
		c.Fatal(err)
	}
	return got
}

// A message whose answer was lost comes again: not twice into one state, though that has moved.
func TestAVolatileActorTakesItsMarksAlong(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		pool := c.nodePool()
		defer pool.Close()
		id := scratchpad("a")
		for range 2 {
			c.sendBy(pool, "n1", id, "note", counter("s"), 1<<12, "x")
		}
		c.mustMigrate("n1", id, c.other(c.owner("n1", id).Node))
		c.sendBy(pool, "n1", id, "note", counter("s"), 1<<12, "x")
		if got := c.notes(id); !slices.Equal(got, []string{"x=x"}) {
			c.Fatalf("%q", got)
		}
		c.sendBy(pool, "n1", id, "note", counter("s"), 2<<12, "x")
		if got := c.notes(id); !slices.Equal(got, []string{"x=xx"}) {
			c.Fatalf("the next message: %q", got)
		}
	})
}

func TestAVolatileActorKeepsTheMarksOfAllSenders(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(1)
		pool := c.nodePool()
		defer pool.Close()
		id := scratchpad("a")
		before := c.nodes["n1"].Load().Bytes
		for i := range 1500 {
			c.sendBy(pool, "n1", id, "note", counter(fmt.Sprint(i)), 1<<12, "x")
		}
		c.sendBy(pool, "n1", id, "note", counter("0"), 1<<12, "x") // a late copy
		if got := c.notes(id); len(got) != 1 || len(got[0]) != len("x=")+1500 {
			c.Fatalf("%d", len(got[0]))
		}
		if grown := c.nodes["n1"].Load().Bytes - before; grown < 1500*100 {
			c.Fatalf("they count as %d bytes", grown)
		}
	})
}

// Anybody can name a sender and a number. That keeps out what the sender itself sends neither here nor where the call
// is forwarded to.
func TestNobodyButANodeMovesTheMarksOfASender(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "stranger"), rpc.PoolConfig{})
		defer pool.Close()
		for i := range 3 {
			for range 2 { // which has its effect once
				c.sendBy(pool, fmt.Sprintf("n%d", i+1), chore("b"), "ring", chore("a"), uint64(i+1)<<60,
					fmt.Sprint("forged ", i))
			}
		}
		c.do(chore("a"), "send", order{To: "b", Text: "genuine"}, nil)
		c.sleep(5 * time.Second)
		if log := c.logOf("b").Log; !slices.Equal(log, []string{"forged 0", "forged 1", "forged 2", "genuine"}) {
			c.Fatalf("%q", log)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// bombs are actors whose handlers can end the node that runs them. ended are the nodes that ended so, in order.
type bombs struct {
	c     *cluster
	armed bool // otherwise boom does nothing
	ended []string
}

// with adds the actors to every node that is started.
func (b *bombs) with(c *cluster) {
	b.c, b.armed, b.ended = c, true, nil
	before := c.tune
	c.tune = func(config *node.Config) {
		if before != nil {
			before(config)
		}
		config.Kinds = append(slices.Clone(config.Kinds), b.kind(config.NodeID), b.hooked(config.NodeID))
	}
}

// boom ends the node as a stack overflow does: at once, whatever else it was doing.
func (b *bombs) boom(at string) {
	if !b.armed {
		return
	}
	b.ended = append(b.ended, at)
	machine := b.c.nodes[at].machine
	delete(b.c.nodes, at)
	b.c.network.Cut(at)
	machine.Kill()
	_ = env.Sleep(machine, b.c.ctx, time.Second) // which unwinds
}

func (b *bombs) kind(at string) actor.Kind {
	return actor.New[counterState]("bomb").
		With(actor.WriteFunc("add", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n
			return s.N, nil
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		})).
		With(actor.WriteFunc("boom", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			s.N = -1
			b.boom(at)
			return s.N, nil
		})).
		With(actor.WriteFunc("slow", func(ctx *actor.Context, s *counterState, d time.Duration) (int64, error) {
			s.N++
			if err := env.Sleep(b.c.nodes[at].machine, ctx, d); err != nil {
				return 0, err
			}
			return s.N, nil
		})).
		With(actor.WriteFunc("ask", func(ctx *actor.Context, s *counterState, id string) (int64, error) {
			s.N++
			return actor.Call[int64](ctx, bomb(id), "boom", struct{}{})
		})).
		With(actor.WriteFunc("send", func(ctx *actor.Context, s *counterState, id string) (int64, error) {
			s.N++
			return s.N, actor.Send(ctx, bomb(id), "boom", struct{}{})
		})).
		With(actor.WriteFunc("plan", func(ctx *actor.Context, s *counterState, _ struct{}) (int64, error) {
			s.N++
			return s.N, ctx.SetAlarm("boom", actor.Alarm{After: time.Second, Method: "boom"})
		}))
}

func (b *bombs) hooked(at string) actor.Kind {
	return actor.New[counterState]("mine").
		OnActivate(func(ctx *actor.Context, _ *counterState) error {
			if ctx.Self().ID == "hook" {
				b.boom(at)
			}
			return nil
		}).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
}

func bomb(id string) api.ActorID { return api.ActorID{Namespace: "bomb", ID: id} }

func (c *cluster) quarantines(via string) []api.QuarantineRow {
	c.Helper()
	reply, err := admin[api.QuarantinesRequest, api.QuarantinesReply](c, via, api.MethodQuarantines,
		&api.QuarantinesRequest{})
	if err != nil {
		c.Fatal(err)
	}
	return reply.Quarantines
}

// TestCallThatEndsItsNodeEndsThree shows that a call which its client repeats goes through three nodes and no further,
// and that only its actor is refused then.
func TestCallThatEndsItsNodeEndsThree(t *testing.T) {
	var b bombs
	simulate(t, 5, func(c *cluster) {
		b.with(c)
		c.startAll(5)
		cl := c.client("program", "n1", "n2", "n3", "n4", "n5")
		defer cl.Close()
		for i := range 8 { // in memory, and on their way elsewhere with it
			for _, id := range []api.ActorID{bomb(fmt.Sprint(i)), counter(fmt.Sprint(i))} {
				if _, err := client.Call[int64](c.ctx, cl, id, "add", 1); err != nil {
					c.Fatal(err)
				}
			}
		}
		ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
		defer cancel()
		_, err := client.Call[int64](ctx, cl, bomb("0"), "boom", struct{}{})
		if api.CodeOf(err) != api.CodeQuarantined || !strings.Contains(err.Error(), "while it ran method boom") {
			c.Errorf("the call has ended with %v", err)
		}
		if len(b.ended) != 3 {
			c.Fatalf("nodes %v have ended", b.ended)
		}
		var left []string
		for id := range c.nodes {
			left = append(left, id)
		}
		slices.Sort(left)
		for _, via := range left {
			for range 3 {
				if err := c.call(via, time.Minute, bomb("0"), "get", struct{}{}, nil); api.CodeOf(
					err) != api.CodeQuarantined {
					c.Errorf("through %s: %v", via, err)
				}
			}
		}
		for i := range 8 {
			for _, id := range []api.ActorID{bomb(fmt.Sprint(i)), counter(fmt.Sprint(i))} {
				if id == bomb("0") {
					continue
				}
				if n, err := client.Call[int64](c.ctx, cl, id, "add", 1); err != nil || n != 2 {
					c.Errorf("%s: %d, %v", id, n, err)
				}
			}
		}
		rows := c.quarantines(left[0])
		if len(rows) != 1 || rows[0].Actor != "bomb/0" || rows[0].Method != "boom" || rows[0].Node != b.ended[2] {
			c.Errorf("listed: %+v", rows)
		}
		if events := c.events(left[1], api.EventQuarantined); len(events) != 1 || events[0].Actor != "bomb/0" {
			c.Errorf("events: %+v", events)
		}
		// Taken back, it is called as before: what it had done is there, and what ended the nodes has done nothing.
		b.armed = false
		if _, err := admin[api.QuarantineRequest, api.QuarantineReply](c, left[0], api.MethodQuarantineClear,
			&api.QuarantineRequest{Actor: "bomb/0"}); err != nil {
			c.Fatal(err)
		}
		for _, want := range []int64{2, 3} {
			if n, err := client.Call[int64](c.ctx, cl, bomb("0"), "add", 1); err != nil || n != want {
				c.Errorf("after the clearing: %d, %v; want %d", n, err, want)
			}
		}
		if rows := c.quarantines(left[0]); len(rows) != 0 {
			c.Errorf("still listed: %+v", rows)
		}
	})
}

// TestLastNodeIsSpared shows that a call which has ended all nodes but one does not run on that, which serves all else,
// until another node is up.
func TestLastNodeIsSpared(t *testing.T) {
	var b bombs
	simulate(t, 3, func(c *cluster) {
		b.with(c)
		c.startAll(3)
		cl := c.client("program", "n1", "n2", "n3")
		defer cl.Close()
		boom := func() error {
			ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
			defer cancel()
			_, err := client.Call[int64](ctx, cl, bomb("a"), "boom", struct{}{})
			return err
		}
		if err := boom(); api.CodeOf(err) != api.CodeQuarantined ||
			!strings.Contains(err.Error(), "held back while only one node is up") {
			c.Errorf("the call has ended with %v", err)
		}
		if len(b.ended) != 2 {
			c.Fatalf("nodes %v have ended", b.ended)
		}
		last := c.other("")
		if err := c.call(last, time.Minute, bomb("a"), "get", struct{}{}, nil); api.CodeOf(
			err) != api.CodeQuarantined {
			c.Errorf("it is called: %v", err)
		}
		if rows := c.quarantines(last); len(rows) != 1 || len(rows[0].Versions) != 0 || rows[0].Node != b.ended[1] {
			c.Errorf("listed: %+v", rows)
		}
		c.add(last, counter("x"), 1)
		c.start(b.ended[0])
		c.sleep(3 * heartbeat)
		if err := boom(); api.CodeOf(err) != api.CodeQuarantined {
			c.Errorf("the second call has ended with %v", err)
		}
		if len(b.ended) != 3 {
			c.Errorf("nodes %v have ended", b.ended)
		}
		if rows := c.quarantines(c.other("")); len(rows) != 1 || len(rows[0].Versions) != 1 {
			c.Errorf("listed: %+v", rows)
		}
	})
}

// TestCallsThatNobodyRepeatsEndThree shows that it is the same if each call is a new one, whatever else the actor is
// asked in between: also of a hook, of an alarm and of what another actor asks or sends.
func TestCallsThatNobodyRepeatsEndThree(t *testing.T) {
	var b bombs
	for name, begin := range map[string]struct {
		actor  api.ActorID
		call   api.ActorID
		method string
		req    any
	}{
		"call":  {bomb("a"), bomb("a"), "boom", struct{}{}},
		"ask":   {bomb("a"), bomb("b"), "ask", "a"},
		"send":  {bomb("a"), bomb("b"), "send", "a"},
		"alarm": {bomb("a"), bomb("a"), "plan", struct{}{}},
		"hook": {api.ActorID{Namespace: "mine", ID: "hook"}, api.ActorID{Namespace: "mine", ID: "hook"}, "get",
			struct{}{}},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 3, func(c *cluster) {
				b.with(c)
				c.startAll(5)
				if name == "alarm" || name == "send" { // these go on by themselves
					if err := c.call("n1", time.Minute, begin.call, begin.method, begin.req, nil); err != nil {
						c.Fatal(err)
					}
				}
				for range 40 {
					via := c.other("")
					_ = c.call(via, time.Minute, begin.actor, "get", struct{}{}, nil)
					if name != "alarm" && name != "send" {
						_ = c.call(c.other(""), 2*time.Second, begin.call, begin.method, begin.req, nil)
					}
					c.sleep(3 * time.Second)
				}
				if n := len(b.ended); n < 2 || n > 3 {
					c.Errorf("nodes %v have ended", b.ended)
				}
				if err := c.call(c.other(""), time.Minute, begin.actor, "get", struct{}{}, nil); api.CodeOf(
					err) != api.CodeQuarantined {
					c.Errorf("it is called: %v", err)
				}
				rows := c.quarantines(c.other(""))
				if len(rows) != 1 || rows[0].Actor != begin.actor.String() {
					c.Errorf("listed: %+v", rows)
				}
				c.add(c.other(""), counter("x"), 1)
			})
		})
	}
}

// TestOrdinaryCallsPayNothing shows that only what was taken from a failed node is on trial, and what that costs: no
// commit for a call that writes, one for one that reads, once a method.
func TestOrdinaryCallsPayNothing(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.startAll(3)
		id := counter("a")
		commits := c.store.batches()
		c.add("n1", id, 1)
		c.add("n1", id, 1)
		c.get("n1", id)
		if *commits != 2 {
			c.Errorf("%d commits for two calls that write", *commits)
		}
		c.crash(c.owner("n1", id).Node)
		via := c.other("")
		*commits = 0
		if n := c.add(via, id, 1); n != 3 || *commits != 1 {
			c.Errorf("%d after %d commits", n, *commits)
		}
		if n := c.add(via, id, 1); n != 4 || *commits != 2 {
			c.Errorf("%d after %d commits", n, *commits)
		}
		if n := c.get(via, id); n != 4 || *commits != 4 {
			c.Errorf("%d after %d commits", n, *commits)
		}
		c.get(via, id)
		if *commits != 4 {
			c.Errorf("%d commits", *commits)
		}
	})
}

// TestNodeThatComesBackAcquits shows that a node which lost its lease in the middle of a trial, and lives, takes
// back what others make of that.
func TestNodeThatComesBackAcquits(t *testing.T) {
	var b bombs
	simulate(t, 3, func(c *cluster) {
		b.with(c)
		c.startAll(3) // of which one is left: it does not try what was running
		id := bomb("a")
		if err := c.call("n1", time.Minute, id, "add", 1, nil); err != nil {
			c.Fatal(err)
		}
		c.crash(c.owner("n1", id).Node)
		via := c.other("")
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		body, err := actor.Marshal(40 * time.Second)
		if err != nil {
			c.Fatal(err)
		}
		slow := api.InvokeRequest{Actor: id, Method: "slow", Flags: api.InvokeRetry, Body: body}
		ended := env.NewEvent(c.env)
		pool.Start(0, via+":7600", rpc.ClassCall, api.MethodInvoke, slow.AppendTo(nil), func([]byte, error) {
			ended.Set()
		})
		c.sleep(10 * time.Second) // it has failed over, and the slow handler runs
		owner := c.owner(via, id).Node
		// The owner can't reach the store for longer than its lease; the others look elsewhere then.
		c.store.commit = func(machine string, commit func() error) error {
			if machine == owner {
				return kv.ErrUnavailable
			}
			return commit()
		}
		c.sleep(2 * leaseTTL)
		if owner == via {
			via = c.other(owner)
		}
		if err := c.call(via, time.Minute, id, "get", struct{}{}, nil); api.CodeOf(err) != api.CodeQuarantined {
			c.Errorf("before its node has come back it is called: %v", err)
		}
		c.store.commit = nil
		c.sleep(3 * heartbeat)
		if rows := c.quarantines(via); len(rows) != 0 {
			c.Errorf("quarantined: %+v", rows)
		}
		if events := c.events(via, api.EventAcquitted); len(events) != 1 || events[0].Actor != "bomb/a" {
			c.Errorf("events: %+v", events)
		}
		if err := c.call(via, time.Minute, id, "get", struct{}{}, nil); err != nil {
			c.Error(err)
		}
		if err := ended.Wait(c.ctx); err != nil {
			c.Error(err)
		}
	})
}

// TestKilledNodesQuarantineNobody shows that actors which happen to be in memory, or are being called, when nodes
// are killed one after the other are served by the next.
func TestKilledNodesQuarantineNobody(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.startAll(5)
		cl := c.client("program", "n1", "n2", "n3", "n4", "n5")
		defer cl.Close()
		var want [40]int64
		for round := range 3 {
			calls := env.NewGroup(c.env, c.ctx)
			for i := range want {
				want[i]++
				calls.Go("call", func(ctx context.Context) {
					if _, err := client.Call[int64](ctx, cl, counter(fmt.Sprint(i)), "add", 1); err != nil {
						c.Errorf("round %d: %v", round, err)
					}
				})
			}
			c.crash(fmt.Sprintf("n%d", round+1))
			if err := calls.Wait(c.ctx); err != nil {
				c.Fatal(err)
			}
		}
		for i := range want {
			if n := c.get("n5", counter(fmt.Sprint(i))); n != want[i] {
				c.Errorf("counter %d is %d, want %d", i, n, want[i])
			}
		}
		if rows := c.quarantines("n5"); len(rows) != 0 {
			c.Errorf("quarantined: %+v", rows)
		}
	})
}

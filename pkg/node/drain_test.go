// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
)

func (c *cluster) bulk(req api.BulkRequest) *api.BulkStatus {
	c.Helper()
	s, err := admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk, &req)
	if err != nil {
		c.Fatal(err)
	}
	return s
}

func (c *cluster) bulkStatus(of string) *api.BulkStatus {
	c.Helper()
	s, err := admin[api.BulkStatusRequest, api.BulkStatus](c, c.other(of), api.MethodBulkStatus,
		&api.BulkStatusRequest{Node: of})
	if err != nil {
		c.Fatal(err)
	}
	return s
}

// bulkEnd waits for the end of a node's job.
func (c *cluster) bulkEnd(of string) *api.BulkStatus {
	c.Helper()
	for {
		if s := c.bulkStatus(of); s.State != api.BulkRunning {
			return s
		}
		c.sleep(100 * time.Millisecond)
	}
}

// fill activates actors, by pings of a kind that does nothing.
func (c *cluster) fill(via string, n int) {
	c.Helper()
	group := env.NewGroup(c.env, c.ctx)
	const atOnce = 50
	for g := range atOnce {
		group.Go("fill", func(context.Context) {
			pool := c.pool()
			defer pool.Close()
			for i := g; i < n; i += atOnce {
				if err := c.callBy(pool, via, 30*time.Second, counter(fmt.Sprint(i)), "get", "", struct{}{},
					nil); err != nil {
					c.Errorf("actor %d: %v", i, err)
				}
			}
		})
	}
	if err := group.Wait(c.ctx); err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) loads() map[string]int {
	out := make(map[string]int)
	for id, m := range c.nodes {
		out[id] = m.Load().Activations
	}
	return out
}

func TestADrainEmptiesANodeUnderLoadWithinItsRate(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.start("n1")
		const actors, rate = 10_000, 2_000
		c.fill("n1", actors)
		c.start("n2")
		c.start("n3")
		c.sleep(3 * heartbeat)
		callers := env.NewGroup(c.env, c.ctx)
		over := false
		calls := 0
		for i := range 20 {
			callers.Go("caller", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for k := i; !over; k += 20 {
					if err := c.callBy(pool, fmt.Sprintf("n%d", i%3+1), 30*time.Second, counter(fmt.Sprint(k%actors)),
						"add", fmt.Sprint(k), int64(1), nil); err != nil {
						c.Errorf("call %d: %v", k, err)
					}
					calls++
					c.sleep(5 * time.Millisecond)
				}
			})
		}
		began := c.env.Monotonic()
		first := c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkDrain, Rate: rate})
		if first.State != api.BulkRunning || first.Total != actors || first.NodeState != "draining" {
			c.Fatalf("began as %+v", first)
		}
		for c.bulkStatus("n1").State == api.BulkRunning {
			moved, within := c.bulkStatus("n1").Moved, c.env.Monotonic()-began
			if float64(moved) > rate*within.Seconds()+1 {
				c.Fatalf("%d moved in %v", moved, within)
			}
			c.sleep(500 * time.Millisecond)
		}
		took := c.env.Monotonic() - began
		over = true
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		end := c.bulkStatus("n1")
		if end.State != api.BulkDone || end.Moved < actors || end.Left != 0 || len(end.Failures) > 0 {
			c.Fatalf("ended as %+v", end)
		}
		if took < actors/rate*time.Second-time.Second {
			c.Fatalf("took %v", took)
		}
		if calls < 1000 {
			c.Fatalf("%d calls", calls)
		}
		loads := c.loads()
		if loads["n1"] != 0 || loads["n2"] < actors/3 || loads["n3"] < actors/3 {
			c.Fatalf("loads %v", loads)
		}
		// Nothing comes back until it is told to take actors again.
		c.fill("n1", actors+200)
		if loads = c.loads(); loads["n1"] != 0 {
			c.Fatalf("loads %v", loads)
		}
		if _, err := admin[api.BulkCancelRequest, api.BulkStatus](c, "n2", api.MethodBulkCancel,
			&api.BulkCancelRequest{Node: "n1"}); err != nil {
			c.Fatal(err)
		}
		c.sleep(2 * heartbeat)
		c.fill("n2", actors+400)
		if loads = c.loads(); loads["n1"] == 0 {
			c.Fatalf("loads %v", loads)
		}
	})
}

func TestARebalanceMovesNoMoreThanItMust(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.start("n1")
		const actors = 10_000
		c.fill("n1", actors)
		c.start("n2")
		c.start("n3")
		c.sleep(3 * heartbeat)
		rebalance := func(plan bool) (moves int64) {
			reply, err := admin[api.RebalanceRequest, api.RebalanceReply](c, "n2", api.MethodRebalance,
				&api.RebalanceRequest{Plan: plan})
			if err != nil || len(reply.Fails) > 0 {
				c.Fatal(err, reply)
			}
			for _, m := range reply.Moves {
				moves += m.Amount
			}
			return moves
		}
		if moves := rebalance(true); moves > 6_700 || moves < 6_600 {
			c.Fatalf("%d moves are planned", moves)
		}
		if loads := c.loads(); loads["n1"] != actors {
			c.Fatalf("a plan has moved actors: %v", loads)
		}
		rebalance(false)
		if end := c.bulkEnd("n1"); end.Moved > 6_700 || end.Failed > 0 || end.State != api.BulkDone {
			c.Fatalf("ended as %+v", end)
		}
		for id, n := range c.loads() {
			if n < actors/3 || n > actors/3+1 {
				c.Fatalf("node %s has %d", id, n)
			}
		}
		if moves := rebalance(false); moves != 0 {
			c.Fatalf("a second rebalance moves %d", moves)
		}
	})
}

func TestADrainIsTheNodesOwnWork(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		c.fill("n1", 100)
		_, err := admin[api.BulkRequest, api.BulkStatus](c, "n2", api.MethodBulk,
			&api.BulkRequest{Node: "n9", Kind: api.BulkDrain})
		c.wantCode(err, api.CodeNotFound, "n9")
		c.bulk(api.BulkRequest{Node: "n2", Kind: api.BulkDrain, Rate: 20})
		again := c.bulk(api.BulkRequest{Node: "n2", Kind: api.BulkDrain})
		if again.Job != 1 {
			c.Fatalf("a second drain is %+v", again)
		}
		_, err = admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk,
			&api.BulkRequest{Node: "n2", Kind: api.BulkMigrate})
		c.wantCode(err, api.CodeFailedPrecondition, "drain", "at work already")
		_, err = admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk,
			&api.BulkRequest{Node: "n1", Kind: api.BulkDrain})
		c.wantCode(err, api.CodeFailedPrecondition, "the only one")
		if end := c.bulkEnd("n2"); end.State != api.BulkDone || c.loads()["n2"] != 0 {
			c.Fatalf("ended as %+v, with %v", end, c.loads())
		}
		_, err = admin[api.NodeRemoveRequest, api.NodeRemoveReply](c, "n1", api.MethodNodeRemove,
			&api.NodeRemoveRequest{Node: "n2"})
		c.wantCode(err, api.CodeFailedPrecondition, "alive")
		c.crash("n2")
		c.sleep(2 * leaseTTL)
		if _, err = admin[api.NodeRemoveRequest, api.NodeRemoveReply](c, "n1", api.MethodNodeRemove,
			&api.NodeRemoveRequest{Node: "n2"}); err != nil {
			c.Fatal(err)
		}
		_, err = admin[api.NodeRemoveRequest, api.NodeRemoveReply](c, "n1", api.MethodNodeRemove,
			&api.NodeRemoveRequest{Node: "n2"})
		c.wantCode(err, api.CodeNotFound)
		c.start("n2") // under a higher epoch than before
		if row := c.nodeRow("n1", "n2"); row.Epoch < 3 || row.State != "active" {
			c.Fatalf("%+v", row)
		}
	})
}

// An actor that no node takes stays, and is named; the others go.
func TestADrainNamesWhatItCannotMove(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) {
			if config.NodeID == "n2" {
				config.Kinds = []actor.Kind{counters}
			}
		}
		c.start("n1")
		c.fill("n1", 10)
		if err := c.call("n1", time.Second, api.ActorID{Namespace: "journal", ID: "a"}, "fill", 1, nil); err != nil {
			c.Fatal(err)
		}
		c.start("n2")
		c.sleep(2 * heartbeat)
		why := []api.BulkReason{{Reason: `no other node that accepts actors hosts namespace "journal"`, Actors: 1}}
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkDrain})
		end := c.bulkEnd("n1")
		if end.State != api.BulkDone || end.Moved != 10 || end.Left != 1 || len(end.Failures) != 1 ||
			end.Failures[0].Actor != "journal/a" || !slices.Equal(end.Reasons, why) || end.ElapsedMillis > 2000 {
			c.Fatalf("ended as %+v", end)
		}
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkDrain, TimeoutMillis: 3000, Wait: true})
		end = c.bulkEnd("n1")
		if end.State != api.BulkTimedOut || end.Left != 1 || !slices.Equal(end.Reasons, why) {
			c.Fatalf("with a wait, ended as %+v", end)
		}
		var size int
		if err := c.call("n2", time.Second, api.ActorID{Namespace: "journal", ID: "a"}, "size", struct{}{},
			&size); err != nil || size != 1 {
			c.Fatal(size, err)
		}
	})
}

// TestARebalanceRespectsCapacity shows that a node that is full gets nothing.
func TestARebalanceRespectsCapacity(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) {
			if config.NodeID == "n2" {
				config.Capacity = 5
			}
		}
		c.start("n1")
		c.fill("n1", 12)
		c.start("n2")
		c.sleep(2 * heartbeat)
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkRebalance, Shares: []api.BulkShare{{To: "n2", Amount: 5}}})
		if end := c.bulkEnd("n1"); end.Moved != 5 {
			c.Fatalf("ended as %+v", end)
		}
		if plan := c.plan(); len(plan.Moves) > 0 {
			c.Fatalf("a full node is to get %+v", plan.Moves)
		}
	})
}

// plan asks for the plan of a rebalance.
func (c *cluster) plan() *api.RebalanceReply {
	c.Helper()
	reply, err := admin[api.RebalanceRequest, api.RebalanceReply](c, "n1", api.MethodRebalance,
		&api.RebalanceRequest{Plan: true})
	if err != nil {
		c.Fatal(err)
	}
	return reply
}

// TestARebalanceRespectsWhatNodesHost shows that actors go only to nodes that host their namespace, and that there is
// nothing to do after that, however unequal the nodes are left.
func TestARebalanceRespectsWhatNodesHost(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) {
			if config.NodeID == "n2" {
				config.Kinds = []actor.Kind{journals}
			}
		}
		c.start("n1")
		c.fill("n1", 60)
		for i := range 10 {
			if err := c.call("n1", time.Second, api.ActorID{Namespace: "journal", ID: fmt.Sprint(i)}, "fill", 1,
				nil); err != nil {
				c.Fatal(err)
			}
		}
		c.start("n2")
		c.sleep(2 * heartbeat)
		want := []api.BalanceMove{{From: "n1", To: "n2", Amount: 10, Namespace: "journal"}}
		if plan := c.plan(); !slices.Equal(plan.Moves, want) {
			c.Fatalf("planned %+v", plan.Moves)
		}
		c.rebalance(api.ByActors)
		if loads := c.loads(); loads["n1"] != 60 || loads["n2"] != 10 {
			c.Fatalf("loads %v", loads)
		}
		if again := c.rebalance(api.ByActors); len(again.Moves) > 0 {
			c.Fatalf("again: %+v", again)
		}
		// Nor does a node that drains get any.
		if _, err := admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk,
			&api.BulkRequest{Node: "n2", Kind: api.BulkDrain}); err != nil {
			c.Fatal(err)
		}
		c.bulkEnd("n2")
		if plan := c.plan(); len(plan.Moves) > 0 {
			c.Fatalf("planned %+v for a node that drains", plan.Moves)
		}
	})
}

func (c *cluster) rebalance(by string) *api.RebalanceReply {
	c.Helper()
	reply, err := admin[api.RebalanceRequest, api.RebalanceReply](c, "n1", api.MethodRebalance,
		&api.RebalanceRequest{By: by})
	if err != nil || len(reply.Fails) > 0 {
		c.Fatalf("%+v, %v", reply, err)
	}
	for _, m := range reply.Moves {
		if end := c.bulkEnd(m.From); end.Failed > 0 || end.State != api.BulkDone {
			c.Fatalf("ended as %+v", end)
		}
	}
	return reply
}

func TestARebalanceByMemoryMovesTheLargeOnes(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.start("n1")
		for i := range 30 {
			if err := c.call("n1", time.Second, api.ActorID{Namespace: "journal", ID: fmt.Sprint(i)}, "fill",
				1000+i%3*50_000, nil); err != nil {
				c.Fatal(err)
			}
		}
		c.start("n2")
		c.sleep(3 * heartbeat)
		before := c.nodes["n1"].Load().Bytes
		c.rebalance(api.ByMemory)
		a, b := c.nodes["n1"].Load(), c.nodes["n2"].Load()
		if a.Bytes > before*11/20 || b.Bytes > before*11/20 || b.Activations >= 15 {
			c.Fatalf("of %d bytes there are %+v and %+v", before, a, b)
		}
		if again := c.rebalance(api.ByMemory); len(again.Moves) > 0 {
			c.Fatalf("again: %+v", again)
		}
	})
}

func TestARebalanceByLoadMovesWhatIsCalled(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.start("n1")
		c.fill("n1", 200)
		c.start("n2")
		c.sleep(15 * time.Second) // until those have not been called for long
		group, over := env.NewGroup(c.env, c.ctx), false
		for i := range 20 {
			group.Go("caller", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for !over {
					if err := c.callBy(pool, "n1", 30*time.Second, counter(fmt.Sprint(i)), "get", "", struct{}{},
						nil); err != nil {
						c.Errorf("actor %d: %v", i, err)
					}
					c.sleep(20 * time.Millisecond)
				}
			})
		}
		c.sleep(5 * heartbeat)
		c.rebalance(api.ByLoad)
		c.sleep(5 * heartbeat)
		a, b := c.nodes["n1"].Load(), c.nodes["n2"].Load()
		over = true
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if b.Activations != 10 || a.Rate < b.Rate*8/10 || b.Rate < a.Rate*8/10 {
			c.Fatalf("%+v and %+v", a, b)
		}
	})
}

// A node that is about to stop does not wait for nodes that are not there: for any at all, or for one that hosts what
// it has.
func TestAStopDoesNotWaitForNodesThatAreNotThere(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) {
			if config.NodeID == "n2" {
				config.Kinds = []actor.Kind{counters}
			}
		}
		c.start("n1")
		c.fill("n1", 200)
		if err := c.call("n1", time.Second, api.ActorID{Namespace: "journal", ID: "a"}, "fill", 1, nil); err != nil {
			c.Fatal(err)
		}
		ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
		defer cancel()
		if left, err := c.nodes["n1"].Drain(ctx, "a test"); err != nil || left != 201 {
			c.Fatalf("alone: %d left, %v", left, err)
		}
		c.start("n2")
		c.sleep(2 * heartbeat)
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkDrain, Rate: 1})
		if left, err := c.nodes["n1"].Drain(ctx, "a test"); err != nil || left != 1 {
			c.Fatalf("%d left, %v", left, err)
		}
		if s := c.bulkStatus("n1"); s.State != api.BulkDone || s.Job != 2 || s.ElapsedMillis > 5000 {
			c.Fatalf("ended as %+v", s)
		}
	})
}

// Who ends a job of one kind does not end, nor undrain, another.
func TestACancelIsOfOneKind(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		c.fill("n1", 100)
		cancel := func(kind string) (*api.BulkStatus, error) {
			return admin[api.BulkCancelRequest, api.BulkStatus](c, "n2", api.MethodBulkCancel,
				&api.BulkCancelRequest{Node: "n1", Kind: kind})
		}
		_, err := cancel(api.BulkMigrate)
		c.wantCode(err, api.CodeFailedPrecondition, "n1 runs no migrate")
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkDrain, Rate: 1, To: "n2"})
		_, err = cancel(api.BulkMigrate)
		c.wantCode(err, api.CodeFailedPrecondition, "n1 runs no migrate")
		if s, err := cancel(api.BulkDrain); err != nil || s.State != api.BulkCancelled || s.NodeState != "active" ||
			s.To != "n2" || s.Rate != 1 {
			c.Fatalf("%+v, %v", s, err)
		}
		c.bulk(api.BulkRequest{Node: "n1", Kind: api.BulkMigrate, Rate: 1, Limit: 30, Namespace: "counter"})
		if s, err := cancel(api.BulkDrain); err != nil || s.State != api.BulkRunning || s.NodeState != "active" {
			c.Fatalf("%+v, %v", s, err)
		}
		if s, err := cancel(api.BulkMigrate); err != nil || s.State != api.BulkCancelled || s.Limit != 30 ||
			s.Namespace != "counter" {
			c.Fatalf("%+v, %v", s, err)
		}
	})
}

// An order that the store could not take leaves nothing behind that the same order, repeated, does not mend.
func TestANodeIsToldAgainToTakeActorsAfterAnOutage(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(2)
		order := func(drain bool) error {
			if drain {
				_, err := admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk,
					&api.BulkRequest{Node: "n1", Kind: api.BulkDrain})
				return err
			}
			_, err := admin[api.BulkCancelRequest, api.BulkStatus](c, "n1", api.MethodBulkCancel,
				&api.BulkCancelRequest{Node: "n1"})
			return err
		}
		if err := order(true); err != nil {
			c.Fatal(err)
		}
		for _, drain := range []bool{false, true, false} {
			cut.from = []string{"n1"}
			c.sleep(4 * heartbeat)
			wantCode(c, order(drain), api.CodeUnavailable)
			cut.from = nil
			c.sleep(4 * heartbeat)
		}
		if err := order(false); err != nil {
			c.Fatal(err)
		}
		c.sleep(4 * heartbeat)
		if row := c.nodeRow("n2", "n1"); row.State != "active" {
			c.Errorf("n1 is %s, want active", row.State)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func TestTakeoverWithinTheLeaseAndTwoHeartbeats(t *testing.T) {
	simulate(t, 12, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 7)
		owner := c.owner("n1", counter("a")).Node
		c.sleep(time.Duration(c.env.Rand("phase").Int64N(int64(2 * heartbeat)))) // anywhere between two beats
		via := c.other(owner)
		c.crash(owner)
		began := c.env.Monotonic()
		if got := c.add(via, counter("a"), 1); got != 8 {
			c.Fatalf("%d after the crash, want 8", got)
		}
		if took := c.env.Monotonic() - began; took > leaseTTL+2*heartbeat {
			c.Fatalf("taken over after %v", took)
		}
		if row := c.owner(via, counter("a")); row.Node == owner || row.Token != 2 {
			c.Fatalf("%+v", row)
		}
		if row := c.nodeRow(via, owner); row.State != "failed" || row.Epoch != 2 {
			c.Fatalf("%+v", row)
		}
	})
}

func TestANodeRestartedUnderItsNameServesAtOnce(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 7)
		owner := c.owner("n1", counter("a")).Node
		via := c.other(owner)
		c.crash(owner)
		c.start(owner)
		began := c.env.Monotonic()
		if got := c.add(via, counter("a"), 1); got != 8 {
			c.Fatalf("%d, want 8", got)
		}
		if took := c.env.Monotonic() - began; took > heartbeat {
			c.Fatalf("served after %v", took)
		}
		if row := c.nodeRow(via, owner); row.State != "active" || row.Epoch != 2 {
			c.Fatalf("%+v", row)
		}
	})
}

func TestAPausedNodeFindsItselfFenced(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 1)
		owner := c.owner("n1", counter("a")).Node
		via := c.other(owner)
		c.nodes[owner].machine.Pause(4 * leaseTTL)
		late := env.NewFuture[int64](c.env)
		c.env.Go("late caller", func() { // waits at the paused node while its actor moves on
			var now int64
			late.Complete(now, c.call(owner, 2*time.Minute, counter("a"), "add", 100, &now))
		})
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		var now int64 // with a key, as the call is on its way to the paused node when that is given up
		if err := c.callBy(pool, via, time.Minute, counter("a"), "add", "key", 1, &now); err != nil || now != 2 {
			c.Fatalf("%d %v, want 2", now, err)
		}
		c.sleep(5 * leaseTTL)
		// Whatever became of the late call, it ran at the new owner or not at all.
		_, err := late.Wait(c.ctx)
		code := api.CodeOf(err)
		if code != api.CodeOK && code != api.CodeUnknown && code != api.CodeUnavailable {
			c.Fatalf("the late call: %v", err)
		}
		got := c.add(owner, counter("a"), 1)
		if got != 103 && (got != 3 || err == nil) {
			c.Fatalf("%d through the former owner; the late call ended in %v", got, err)
		}
		if row := c.nodeRow(via, owner); row.State != "active" || row.Epoch != 3 {
			c.Fatalf("%+v", row)
		}
		if row := c.owner(via, counter("a")); row.Node == owner {
			c.Fatalf("%+v", row)
		}
	})
}

func TestAPartitionBetweenNodesFencesNobody(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.network.Partition("n1", "n2")
		c.network.Partition("n2", "n3")
		c.network.Partition("n1", "n3")
		c.sleep(10 * leaseTTL)
		for _, id := range []string{"n1", "n2", "n3"} {
			if row := c.nodeRow("n1", id); row.State != "active" || row.Epoch != 1 {
				c.Fatalf("%+v", row)
			}
		}
	})
}

func TestAStoreThatStallsFencesNobody(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 1)
		stalled := env.NewEvent(c.env)
		c.store.commit = func(_ string, commit func() error) error {
			if err := stalled.Wait(c.ctx); err != nil {
				return kv.ErrCommitUnknown
			}
			return commit()
		}
		c.sleep(6 * leaseTTL)
		c.store.commit = nil
		stalled.Set()
		if got := c.add("n2", counter("a"), 1); got != 2 {
			c.Fatalf("%d, want 2", got)
		}
		c.sleep(3 * leaseTTL)
		for _, id := range []string{"n1", "n2", "n3"} {
			if row := c.nodeRow("n1", id); row.State != "active" || row.Epoch != 1 {
				c.Fatalf("%+v", row)
			}
		}
	})
}

func TestAnOwnerCutOffFromTheStoreAnswersNothing(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 1)
		owner := c.owner("n1", counter("a")).Node
		c.store.commit = func(machine string, commit func() error) error {
			if machine == owner {
				return kv.ErrCommitUnknown // never arrives
			}
			return commit()
		}
		via := c.other(owner)
		c.sleep(leaseTTL + 2*heartbeat) // until it is fenced
		if got := c.add(via, counter("a"), 1); got != 2 {
			c.Fatalf("%d, want 2", got)
		}
		if row := c.owner(via, counter("a")); row.Node == owner {
			c.Fatalf("%+v", row)
		}
	})
}

func TestAGracefulStopHandsItsActorsOverAtOnce(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		for i := range 20 {
			c.add("n1", counter(fmt.Sprint(i)), 1)
		}
		callers := env.NewGroup(c.env, c.ctx)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		for i := range 20 { // calls in flight while the node stops must not fail
			callers.Go("caller", func(context.Context) {
				for range 10 {
					if err := c.callBy(pool, "n1", 30*time.Second, counter(fmt.Sprint(i)), "add", "", 1,
						nil); err != nil {
						c.Errorf("counter %d: %v", i, err)
					}
				}
			})
		}
		stop := env.NewFuture[struct{}](c.env)
		n2 := c.nodes["n2"]
		n2.machine.Go("stop", func() { stop.Complete(struct{}{}, n2.Stop(context.Background())) })
		if _, err := stop.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if err := n2.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		began := c.env.Monotonic()
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		for i := range 20 {
			if got := c.get("n3", counter(fmt.Sprint(i))); got != 11 {
				c.Fatalf("counter %d is %d, want 11", i, got)
			}
		}
		if took := c.env.Monotonic() - began; took > heartbeat {
			c.Fatalf("took %v after the stop", took)
		}
		if row := c.nodeRow("n1", "n2"); row.State != "left" {
			c.Fatalf("%+v", row)
		}
	})
}

func TestABrokenClaimMovesTheActorOnAndItsOwnerNotices(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 3)
		before := c.owner("n1", counter("a"))
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, c.other(before.Node), api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: "counter/a"}); err != nil {
			c.Fatal(err)
		}
		if got := c.get(before.Node, counter("a")); got != 3 { // a read must notice
			c.Fatalf("%d, want 3", got)
		}
		if after := c.owner("n1", counter("a")); after.Token <= before.Token+1 {
			c.Fatalf("token %d after %d and a break", after.Token, before.Token)
		}
		if row := c.nodeRow("n1", before.Node); row.Epoch != 1 {
			c.Fatalf("%+v", row)
		}
	})
}

func TestALeaseBrokenByAnOperatorIsJoinedAgain(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 3)
		owner := c.owner("n1", counter("a")).Node
		if _, err := admin[api.LeaseBreakRequest, api.LeaseBreakReply](c, c.other(owner), api.MethodLeaseBreak,
			&api.LeaseBreakRequest{Node: owner}); err != nil {
			c.Fatal(err)
		}
		if got := c.add(c.other(owner), counter("a"), 1); got != 4 {
			c.Fatalf("%d, want 4", got)
		}
		c.sleep(3 * heartbeat)
		if row := c.nodeRow("n1", owner); row.State != "active" || row.Epoch != 3 {
			c.Fatalf("%+v", row)
		}
	})
}

func TestTheNewerOfTwoNamesakesStays(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		old := c.nodes["n1"]
		c.network.Partition("n1", "n1-new") // the newcomer can't find that the name is in use
		c.tune = func(config *node.Config) {
			if config.NodeID == "n1" {
				config.Listen = "n1-new:7600"
				config.Transport = c.network.Transport(config.Env, "n1-new")
			}
		}
		c.start("n1")
		ended := env.NewFuture[error](c.env)
		c.env.Go("wait", func() { ended.Complete(old.Wait(c.ctx), nil) })
		reason, _ := ended.Wait(c.ctx)
		wantCode(c, reason, api.CodeFenced)
	})
}

func TestANameAliveElsewhereIsRefused(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		c.tune = func(config *node.Config) {
			config.Listen = "n9:7600"
			config.Transport = c.network.Transport(config.Env, "n9")
			config.NodeID = "n1"
		}
		_, err := c.tryStart("n9")
		wantCode(c, err, api.CodeAlreadyExists)
	})
}

func TestUnknownCommitsAreResolved(t *testing.T) {
	simulate(t, 12, func(c *cluster) {
		c.startAll(3)
		random := c.env.Rand("faults")
		c.store.commit = func(_ string, commit func() error) error {
			switch random.IntN(6) {
			case 0:
				return kv.ErrCommitUnknown // did not happen
			case 1:
				if err := commit(); err != nil {
					return err
				}
				return kv.ErrCommitUnknown // happened
			case 2:
				c.env.Go("late commit", func() { // happens later, if it still can
					if env.Sleep(c.env, c.ctx, time.Duration(random.IntN(50))*time.Millisecond) == nil {
						_ = commit()
					}
				})
				return kv.ErrCommitUnknown
			}
			return commit()
		}
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		callers := env.NewGroup(c.env, c.ctx)
		var replies []int64
		const each = 20
		for i, via := range []string{"n1", "n2", "n3"} {
			callers.Go(fmt.Sprint("caller ", i), func(context.Context) {
				for range each {
					var now int64
					if err := c.callBy(pool, via, time.Minute, counter("a"), "add", "", 1, &now); err != nil {
						c.Errorf("through %s: %v", via, err)
					}
					replies = append(replies, now)
				}
			})
		}
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.store.commit = nil
		slices.Sort(replies)
		for i, got := range replies {
			if got != int64(i+1) {
				c.Fatalf("replies %v: not 1 to %d, each once", replies, 3*each)
			}
		}
		if got := c.get("n1", counter("a")); got != 3*each {
			c.Fatalf("%d, want %d", got, 3*each)
		}
	})
}

func TestTwoNodesRaceForOneActorAndTheLoserForwards(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		for i := range 500 {
			var got [2]int64
			var errs [2]error
			callers := env.NewGroup(c.env, c.ctx)
			for j, via := range []string{"n1", "n2"} {
				callers.Go("caller", func(context.Context) {
					errs[j] = c.callBy(pool, via, time.Minute, counter(fmt.Sprint(i)), "add", "", 1, &got[j])
				})
			}
			if err := callers.Wait(c.ctx); err != nil {
				c.Fatal(err)
			}
			if errs != [2]error{} || got != [2]int64{1, 2} && got != [2]int64{2, 1} {
				c.Fatalf("race %d: %v %v", i, got, errs)
			}
		}
		if row := c.nodeRow("n1", "n1"); row.Epoch != 1 {
			c.Fatalf("%+v", row)
		}
	})
}

func TestALostAnswerIsNeverTakenForACallThatHasNotRun(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 1)
		owner := c.owner("n1", counter("a")).Node
		via := c.other(owner)
		c.store.landed = func(machine string) { // it dies with its batch committed and nobody told
			c.store.landed = nil
			c.crash(machine)
		}
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		// Less than a lease: every further try meets the dead owner.
		err := c.callBy(pool, via, leaseTTL/2, counter("a"), "add", "key", 1, nil)
		if code := api.CodeOf(err); code != api.CodeUnknown && code != api.CodeDeadlineExceeded {
			c.Fatalf("the call has run, and its caller was told: %v (%v)", err, code)
		}
		var now int64
		if err := c.callBy(pool, via, time.Minute, counter("a"), "add", "key", 1, &now); err != nil || now != 2 {
			c.Fatalf("the repeat: %d %v", now, err)
		}
	})
}

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

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func wantCode(c *cluster, err error, code api.Code) {
	c.Helper()
	if api.CodeOf(err) != code {
		c.Fatalf("got error %v (%v), want code %v", err, api.CodeOf(err), code)
	}
}

func TestACallReachesTheOneActivationThroughAnyNode(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		want := int64(0)
		for round := range 3 {
			for _, via := range []string{"n1", "n2", "n3"} {
				want++
				if got := c.add(via, counter("a"), 1); got != want {
					c.Fatalf("round %d through %s: %d, want %d", round, via, got, want)
				}
				if got := c.get(via, counter("a")); got != want {
					c.Fatalf("read through %s: %d, want %d", via, got, want)
				}
			}
		}
		if row := c.owner("n1", counter("a")); row.State != "owned" || row.Token != 1 {
			c.Fatalf("%+v", row)
		}
	})
}

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

// A node that is paused past its lease, as by SIGSTOP, answers nothing more for its actors, and joins again.
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

// A store that stands still for longer than a lease costs nobody its lease: who could not beat proves nothing.
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

func TestAFailedOrPanickingHandlerHasNoEffect(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 5)
		err := c.call("n1", time.Minute, counter("a"), "add_then_fail", 3, nil)
		wantCode(c, err, api.CodeApplication)
		if !strings.Contains(err.Error(), "no 3 today") {
			c.Fatal(err)
		}
		wantCode(c, c.call("n2", time.Minute, counter("a"), "add_then_panic", 3, nil), api.CodeInternal)
		if got := c.get("n2", counter("a")); got != 5 {
			c.Fatalf("%d, want 5", got)
		}
	})
}

func TestWrongCallsAreToldWhatIsWrong(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		wantCode(c, c.call("n1", time.Minute, counter("a"), "nonsense", 1, nil), api.CodeUnknownMethod)
		wantCode(c, c.call("n1", time.Minute, api.ActorID{Namespace: "nobody", ID: "a"}, "add", 1, nil), api.CodeUnknownNamespace)
		wantCode(c, c.call("n1", time.Minute, counter("a"), "add", "text", nil), api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, api.ActorID{Namespace: "counter", ID: "a b"}, "add", 1, nil), api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, counter("a"), "add", strings.Repeat("x", api.PayloadBytesMax), nil), api.CodeTooLarge)
	})
}

func TestAFullMailboxAnswersOverloadedAtOnce(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.MaxPendingPerActor = 10 }
		c.startAll(1)
		c.add("n1", counter("a"), 1)
		open := env.NewEvent(c.env)
		c.store.commit = func(_ string, commit func() error) error {
			if err := open.Wait(c.ctx); err != nil {
				return kv.ErrCommitUnknown
			}
			return commit()
		}
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		callers := env.NewGroup(c.env, c.ctx)
		defer callers.Stop()
		overloaded, done := 0, 0
		call := func(context.Context) {
			switch err := c.callBy(pool, "n1", time.Minute, counter("a"), "add", "", 1, nil); {
			case err == nil:
				done++
			case api.CodeOf(err) == api.CodeOverloaded:
				overloaded++
			default:
				c.Errorf("call: %v", err)
			}
		}
		callers.Go("first", call)
		c.sleep(10 * time.Millisecond) // it is in its commit
		for range 25 {
			callers.Go("caller", call)
		}
		c.sleep(10 * time.Millisecond)
		if overloaded != 15 {
			c.Fatalf("%d of 25 calls were refused by a mailbox of 10", overloaded)
		}
		c.store.commit = nil
		open.Set()
		if err := callers.Wait(c.ctx); err != nil || done != 11 {
			c.Fatalf("%d calls done: %v", done, err)
		}
	})
}

func TestIdleActorsAreDeactivatedAndComeBack(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 4)
		c.sleep(node.DefaultIdleTimeout + 2*time.Minute)
		if row := c.owner("n1", counter("a")); row.State != "released" || row.Token != 1 {
			c.Fatalf("%+v", row)
		}
		if got := c.add("n1", counter("a"), 1); got != 5 {
			c.Fatalf("%d, want 5", got)
		}
		if row := c.owner("n1", counter("a")); row.State != "owned" || row.Token != 2 {
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
					if err := c.callBy(pool, "n1", 30*time.Second, counter(fmt.Sprint(i)), "add", "", 1, nil); err != nil {
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
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, c.other(before.Node), api.MethodClaimBreak, &api.ClaimBreakRequest{Actor: "counter/a"}); err != nil {
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
		if _, err := admin[api.LeaseBreakRequest, api.LeaseBreakReply](c, c.other(owner), api.MethodLeaseBreak, &api.LeaseBreakRequest{Node: owner}); err != nil {
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

func TestCapacityIsRespected(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.tune = func(config *node.Config) { config.Capacity = 5 }
		c.startAll(2)
		for i := range 10 {
			c.add("n1", counter(fmt.Sprint(i)), 1)
		}
		wantCode(c, c.call("n1", 2*time.Second, counter("one too many"[:3]), "add", 1, nil), api.CodeNoCapacity)
	})
}

func TestStateOfAnySizeUpToTheLimit(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		id := api.ActorID{Namespace: "journal", ID: "big"}
		for _, size := range []int{10, 500_000, 95_000, 1_000_000, 0} {
			if err := c.call("n1", time.Minute, id, "fill", size, nil); err != nil {
				c.Fatalf("%d bytes: %v", size, err)
			}
			owner := c.owner("n1", id).Node
			if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, owner, api.MethodClaimBreak, &api.ClaimBreakRequest{Actor: id.String()}); err != nil {
				c.Fatal(err)
			}
			var got int
			if err := c.call("n2", time.Minute, id, "size", struct{}{}, &got); err != nil || got != size {
				c.Fatalf("%d bytes came back as %d: %v", size, got, err)
			}
		}
		wantCode(c, c.call("n1", time.Minute, id, "fill", 2<<20, nil), api.CodeTooLarge)
		wantCode(c, c.call("n1", time.Minute, id, "flood", 120, nil), api.CodeTooLarge)
		var got int
		if err := c.call("n1", time.Minute, id, "size", struct{}{}, &got); err != nil || got != 0 {
			c.Fatalf("%d after calls that were refused: %v", got, err)
		}
	})
}

func TestTheKeyValueSpace(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		id := api.ActorID{Namespace: "journal", ID: "j"}
		put := func(key, value string) error {
			return c.call("n1", time.Minute, id, "put", [2]string{key, value}, nil)
		}
		for _, key := range []string{"b", "a", "c"} {
			if err := put(key, "1"); err != nil {
				c.Fatal(err)
			}
		}
		wantCode(c, put("d", "fail"), api.CodeApplication)
		if err := c.call("n2", time.Minute, id, "delete", "b", nil); err != nil {
			c.Fatal(err)
		}
		var got []string
		if err := c.call("n2", time.Minute, id, "put_and_list", [2]string{"b2", "2"}, &got); err != nil {
			c.Fatal(err)
		}
		if want := []string{"a=1", "b2=2", "c=1"}; !slices.Equal(got, want) {
			c.Fatalf("%v within the call, want %v", got, want)
		}
		c.crash(c.owner("n1", id).Node)
		if err := c.call(c.other(""), time.Minute, id, "list", "", &got); err != nil {
			c.Fatal(err)
		}
		if want := []string{"a=1", "b2=2", "c=1"}; !slices.Equal(got, want) {
			c.Fatalf("%v after a crash, want %v", got, want)
		}
		wantCode(c, c.call(c.other(""), time.Minute, id, "write_in_read", struct{}{}, nil), api.CodeFailedPrecondition)
	})
}

func TestDestroyDeletesTheStateAndKeepsTheToken(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 9)
		token := c.owner("n1", counter("a")).Token
		if err := c.call("n2", time.Minute, counter("a"), api.MethodDestroy, struct{}{}, nil); err != nil {
			c.Fatal(err)
		}
		c.sleep(time.Second)
		if row := c.owner("n1", counter("a")); row.State != "released" || row.Token != token {
			c.Fatalf("%+v", row)
		}
		if got := c.add("n1", counter("a"), 1); got != 1 {
			c.Fatalf("%d after the state was deleted", got)
		}
	})
}

func TestARepeatWithItsKeyHasOneEffect(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		add := func(via, key string, n int64) (now int64, err error) {
			err = c.callBy(pool, via, time.Minute, counter("a"), "add", key, n, &now)
			return now, err
		}
		for range 3 {
			if now, err := add("n1", "k1", 5); err != nil || now != 5 {
				c.Fatalf("%d %v", now, err)
			}
		}
		if _, err := add("n1", "k1", 6); api.CodeOf(err) != api.CodeFailedPrecondition {
			c.Fatalf("a key used for another request: %v", err)
		}
		owner := c.owner("n1", counter("a")).Node
		c.crash(owner)
		if now, err := add(c.other(owner), "k1", 5); err != nil || now != 5 {
			c.Fatalf("a repeat after a crash: %d %v", now, err)
		}
		if now, err := add(c.other(owner), "k2", 1); err != nil || now != 6 {
			c.Fatalf("%d %v", now, err)
		}
	})
}

// The commits of a batch end in every way there is: no acknowledged add is lost, none is counted twice.
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

// A keyed call whose answer was lost is tried again; what becomes of that must not hide that it may have run.
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

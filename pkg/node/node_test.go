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
		wantCode(c, c.call("n1", time.Minute, api.ActorID{Namespace: "nobody", ID: "a"}, "add", 1, nil),
			api.CodeUnknownNamespace)
		wantCode(c, c.call("n1", time.Minute, counter("a"), "add", "text", nil), api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, api.ActorID{Namespace: "counter", ID: "a b"}, "add", 1, nil),
			api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, counter("a"), "add", strings.Repeat("x", api.PayloadBytesMax), nil),
			api.CodeTooLarge)
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

func TestANodeAtItsCapacityMakesRoom(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		const capacity, actors = 5, 40
		c.tune = func(config *node.Config) { config.Capacity = capacity }
		c.startAll(2)
		for round := int64(1); round <= 3; round++ {
			tasks := env.NewGroup(c.env, c.ctx)
			for i := range actors {
				tasks.Go("caller", func(context.Context) {
					if got := c.add(fmt.Sprintf("n%d", 1+i%2), counter(fmt.Sprint(i)), 1); got != round {
						c.Errorf("counter %d is %d in round %d", i, got, round)
					}
					for id, m := range c.nodes {
						if n := m.Load().Activations; n > capacity {
							c.Errorf("%s has %d actors", id, n)
						}
					}
				})
			}
			if err := tasks.Wait(c.ctx); err != nil {
				c.Fatal(err)
			}
		}
	})
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.Capacity = 3 }
		c.startAll(1)
		for _, id := range []string{"a", "b", "c", "a", "d"} { // b was called the longest ago
			c.add("n1", counter(id), 1)
		}
		for id, want := range map[string]string{"a": "n1", "b": "", "c": "n1", "d": "n1"} {
			if got := c.owner("n1", counter(id)).Node; got != want {
				c.Errorf("%s is owned by %q, want %q", id, got, want)
			}
		}
	})
}

func TestABusyActorIsNotMadeToGo(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.Capacity = 1 }
		c.startAll(1)
		err := c.call("n1", 2*time.Second, link("a"), "pass", route{Next: []string{"b"}}, nil)
		if code := api.CodeOf(err); code != api.CodeUnknown && code != api.CodeDeadlineExceeded ||
			!strings.Contains(err.Error(), "capacity") && code == api.CodeUnknown {
			c.Fatalf("%v", err)
		}
		if got := c.passed("a"); got != 0 {
			c.Errorf("a handler that failed has left %d", got)
		}
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
			if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, owner, api.MethodClaimBreak,
				&api.ClaimBreakRequest{Actor: id.String()}); err != nil {
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
// A keyed call whose answer was lost is tried again; what becomes of that must not hide that it may have run.

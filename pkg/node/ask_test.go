// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// route is a way through actors: each calls the next, and the last counts.
type route struct {
	Next []string `json:"next"`
}

// links call one another, and remember how often they were passed.
var links = actor.New[counterState]("link").
	With(actor.WriteFunc("pass", func(ctx *actor.Context, s *counterState, r route) ([]int64, error) {
		s.N++
		if len(r.Next) == 0 {
			return []int64{s.N}, nil
		}
		rest, err := actor.Call[[]int64](ctx, actor.ID{Namespace: "link", ID: r.Next[0]}, "pass",
			route{Next: r.Next[1:]})
		return append([]int64{s.N}, rest...), err
	})).
	With(actor.WriteFunc("swallow", func(ctx *actor.Context, s *counterState, to string) (string, error) {
		s.N++
		if _, err := actor.Call[[]int64](ctx, actor.ID{Namespace: "link", ID: to}, "pass", route{}); err != nil {
			return "failed: " + api.CodeOf(err).String(), nil
		}
		return "done", nil
	})).
	With(actor.ReadFunc("passed", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
		return s.N, nil
	}))

func link(id string) api.ActorID { return api.ActorID{Namespace: "link", ID: id} }

func (c *cluster) passed(id string) int64 {
	c.Helper()
	var n int64
	if err := c.call("n1", time.Minute, link(id), "passed", nil, &n); err != nil {
		c.Fatal(err)
	}
	return n
}

// A handler has asked another actor, and its own claim is taken before it commits. When it runs again elsewhere, the
// other actor has forgotten the call, and refuses it for its birth. That is not all that is known: the call must keep
// its birth.
func TestACallWhoseHandlerHasAskedKeepsItsBirthAfterItsClaimIsLost(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		asked := func(ctx context.Context) {}
		c.kinds = append(c.kinds, actor.New[counterState]("asker").
			With(actor.WriteFunc("ask", func(ctx *actor.Context, s *counterState, to string) (int64, error) {
				s.N++
				n, err := actor.Call[int64](ctx, counter(to), "add", int64(1000))
				if err == nil {
					asked(ctx)
				}
				return n, err
			})))
		c.tune = func(config *node.Config) { config.MaxRecords = 1 }
		c.startAll(2)
		id := api.ActorID{Namespace: "asker", ID: "a"}
		guests := 0
		asked = func(context.Context) {
			asked = func(context.Context) {}
			if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, "n1", api.MethodClaimBreak,
				&api.ClaimBreakRequest{Actor: id.String()}); err != nil {
				c.Error(err)
			}
			for ; guests < 30; guests++ { // enough to have it drop the record
				cl := c.client(fmt.Sprint("guest", guests), "n1")
				if _, err := client.Call[int64](c.ctx, cl, counter("b"), "add", int64(1)); err != nil {
					c.Error(err)
				}
				cl.Close()
				c.sleep(5 * time.Millisecond)
			}
		}
		cl := c.client("caller", "n1")
		defer cl.Close()
		ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
		defer cancel()
		if _, err := client.Call[int64](ctx, cl, id, "ask", "b"); api.CodeOf(err) != api.CodeUnknown {
			c.Errorf("the call has ended with %v", err)
		}
		if got := c.get("n1", counter("b")); got != int64(1000+guests) {
			c.Errorf("the counter has %d after %d and one call of 1000", got, guests)
		}
	})
}

func TestHandlersCallOtherActors(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		var got []int64
		if err := c.call("n1", time.Minute, link("a"), "pass", route{Next: []string{"b", "c", "d"}},
			&got); err != nil || len(got) != 4 {
			c.Fatal(got, err)
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			if n := c.passed(id); n != 1 {
				c.Errorf("%s was passed %d times", id, n)
			}
		}
	})
}

func TestACycleIsRefusedByName(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(3)
		err := c.call("n1", time.Minute, link("a"), "pass", route{Next: []string{"b", "c", "b"}}, nil)
		if api.CodeOf(err) != api.CodeDeadlock || !strings.Contains(err.Error(), "link/b -> link/c -> link/b") {
			c.Fatalf("%v", err)
		}
		err = c.call("n1", time.Minute, link("a"), "pass", route{Next: []string{"a"}}, nil)
		if api.CodeOf(err) != api.CodeDeadlock || !strings.Contains(err.Error(), "link/a -> link/a") {
			c.Fatalf("%v", err)
		}
		if n := c.passed("a"); n != 0 {
			c.Errorf("a handler that failed has left %d in its actor", n)
		}
	})
}

func TestChainsAreBounded(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		names := strings.Split("bcdefghijklmnopqrstuvwxyz", "")
		if err := c.call("n1", time.Minute, link("a"), "pass", route{Next: names[:api.ChainMax]}, nil); err != nil {
			c.Errorf("a chain of %d: %v", api.ChainMax, err)
		}
		err := c.call("n1", time.Minute, link("a"), "pass", route{Next: names[:api.ChainMax+1]}, nil)
		if api.CodeOf(err) != api.CodeFailedPrecondition {
			c.Errorf("a chain of %d: %v", api.ChainMax+1, err)
		}
	})
}

// Calls that come together are one batch, but for those that wait for another actor, each of which begins one. What a
// handler makes of being told to run again must not be seen.
func TestABatchIsCommittedBeforeAHandlerWaits(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		c.startAll(2)
		const calls = 10
		said := make([]string, calls)
		tasks := env.NewGroup(c.env, c.ctx)
		for i := range calls {
			tasks.Go("caller", func(context.Context) {
				if err := c.call("n1", time.Minute, link("a"), "swallow", "b", &said[i]); err != nil {
					c.Error(err)
				}
			})
		}
		if err := tasks.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		for _, s := range said {
			if s != "done" {
				c.Errorf("a caller was told %q", s)
			}
		}
		if a, b := c.passed("a"), c.passed("b"); a != calls || b != calls {
			c.Errorf("%d and %d calls have run, of %d", a, b, calls)
		}
	})
}

// A call that fails for what its handler cannot know of is undone like any other.
func TestAReplyThatIsTooLargeUndoesItsCall(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(1)
		id := api.ActorID{Namespace: "journal", ID: "a"}
		if err := c.call("n1", time.Minute, id, "fill_and_show", 100, nil); api.CodeOf(err) != api.CodeTooLarge {
			c.Fatal(err)
		}
		var size int
		if err := c.call("n1", time.Minute, id, "size", nil, &size); err != nil || size != 0 {
			c.Errorf("the call that failed has left %d bytes (%v)", size, err)
		}
	})
}

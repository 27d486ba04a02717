// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// A handler that runs when its node stops gets its answers: of actors of the node, active or not, and of those of
// other nodes that ask an actor of the node. Others are told to go elsewhere.
func TestAStopLetsHandlersEndThatAskOthers(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		id := func(ns string) api.ActorID { return api.ActorID{Namespace: ns, ID: "a"} }
		var machine env.Env
		outer := actor.New[choreState]("outer").
			With(actor.WriteFunc("work", func(ctx *actor.Context, _ *choreState, _ struct{}) (int64, error) {
				if err := env.Sleep(machine, ctx, time.Second); err != nil {
					return 0, err
				}
				if _, err := actor.Call[int64](ctx, counter("active"), "add", int64(1)); err != nil {
					return 0, err
				}
				if _, err := actor.Call[int64](ctx, counter("new"), "add", int64(1)); err != nil {
					return 0, err
				}
				return actor.Call[int64](ctx, id("far"), "back", int64(1))
			}))
		far := actor.New[choreState]("far").
			With(actor.WriteFunc("back", func(ctx *actor.Context, _ *choreState, n int64) (int64, error) {
				return actor.Call[int64](ctx, counter("active"), "add", n)
			}))
		c.tune = hosting(map[string][]actor.Kind{"n1": {outer, counters}, "n2": {far}})
		c.startAll(2)
		n1 := c.nodes["n1"]
		machine = n1.machine
		c.add("n1", counter("active"), 1)
		answer, stopped := env.NewFuture[int64](c.env), env.NewFuture[struct{}](c.env)
		c.env.Go("work", func() {
			var got int64
			err := c.call("n1", 30*time.Second, id("outer"), "work", nil, &got)
			answer.Complete(got, err)
		})
		c.sleep(500 * time.Millisecond)
		began := c.env.Monotonic()
		machine.Go("stop", func() { stopped.Complete(struct{}{}, n1.Stop(context.Background())) })
		c.sleep(100 * time.Millisecond)
		wantCode(c, c.call("n1", time.Second, counter("active"), "add", int64(1), nil), api.CodeUnavailable)
		if got, err := answer.Wait(c.ctx); got != 3 || err != nil {
			c.Fatalf("%d, %v", got, err)
		}
		if _, err := stopped.Wait(c.ctx); err != nil || c.env.Monotonic()-began > 5*time.Second {
			c.Fatalf("stopped after %v: %v", c.env.Monotonic()-began, err)
		}
	})
}

// While a handler runs for long, other nodes take the actors of its node that are idle, and those whose calls have
// ended. What the handler asks of them it gets from there.
func TestAStopGivesBackWhatIsIdleWhileAHandlerRuns(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		id := func(id string) api.ActorID { return api.ActorID{Namespace: "sleeper", ID: id} }
		machines := make(map[string]env.Env)
		kinds := func(node string) []actor.Kind {
			sleeper := actor.New[choreState]("sleeper").
				With(actor.WriteFunc("sleep", func(ctx *actor.Context, s *choreState, d time.Duration) (int64, error) {
					if err := env.Sleep(machines[node], ctx, d); err != nil {
						return 0, err
					}
					return actor.Call[int64](ctx, counter("0"), "add", int64(1))
				}))
			return []actor.Kind{sleeper, counters}
		}
		c.tune = hosting(map[string][]actor.Kind{"n1": kinds("n1"), "n2": kinds("n2")})
		c.start("n1")
		n1 := c.nodes["n1"]
		machines["n1"] = n1.machine
		answers := env.NewGroup(c.env, c.ctx)
		for i := range 10 {
			c.add("n1", counter(fmt.Sprint(i)), 1)
		}
		for name, d := range map[string]time.Duration{"long": 20 * time.Second, "short": 2 * time.Second} {
			answers.Go("sleep", func(context.Context) {
				if err := c.call("n1", time.Minute, id(name), "sleep", d, nil); err != nil {
					c.Errorf("%s: %v", name, err)
				}
			})
		}
		c.sleep(100 * time.Millisecond) // both run on n1
		c.start("n2")
		machines["n2"] = c.nodes["n2"].machine
		c.sleep(time.Second)
		stopped := env.NewFuture[struct{}](c.env)
		n1.machine.Go("stop", func() { stopped.Complete(struct{}{}, n1.Stop(context.Background())) })
		c.sleep(100 * time.Millisecond)
		for i := range 10 {
			via := []string{"n1", "n2"}[i%2]
			if err := c.call(via, time.Second, counter(fmt.Sprint(i)), "add", int64(1), nil); err != nil {
				c.Fatalf("counter %d by %s: %v", i, via, err)
			}
		}
		c.sleep(2 * time.Second)
		if err := c.call("n2", 2*time.Second, id("short"), "sleep", time.Duration(0), nil); err != nil {
			c.Fatalf("an actor whose call has ended: %v", err)
		}
		if err := answers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if _, err := stopped.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if got := c.get("n2", counter("0")); got != 5 {
			c.Fatalf("%d, want 5", got)
		}
	})
}

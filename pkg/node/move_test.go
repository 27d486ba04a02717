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
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func (c *cluster) migrate(via string, id api.ActorID, to string, force bool) (*api.MigrateReply, error) {
	return admin[api.MigrateRequest, api.MigrateReply](c, via, api.MethodMigrate,
		&api.MigrateRequest{Actor: id.String(), To: to, Force: force})
}

func (c *cluster) mustMigrate(via string, id api.ActorID, to string) *api.MigrateReply {
	c.Helper()
	reply, err := c.migrate(via, id, to, true)
	if err != nil {
		c.Fatalf("%s to %s: %v", id, to, err)
	}
	return reply
}

func (c *cluster) wantCode(err error, code api.Code, words ...string) {
	c.Helper()
	if api.CodeOf(err) != code {
		c.Fatalf("got %v, want code %v", err, code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			c.Fatalf("error %q does not say %q", err, w)
		}
	}
}

func TestAnActorMoves(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.startAll(3)
		id := counter("a")
		c.add("n1", id, 5)
		from := c.owner("n1", id)
		to := c.other(from.Node)
		via := c.other(to) // not always the source
		reply := c.mustMigrate(via, id, to)
		if !reply.Moved || reply.From != from.Node || reply.To != to || reply.Token != from.Token+1 {
			c.Fatalf("reply %+v, was on %+v", reply, from)
		}
		if now := c.owner("n1", id); now.Node != to || now.Token != reply.Token || now.State != "owned" {
			c.Fatalf("owner %+v", now)
		}
		for _, n := range []string{"n1", "n2", "n3"} {
			if got := c.get(n, id); got != 5 {
				c.Fatalf("it has %d by %s", got, n)
			}
		}
		if got := c.add("n1", id, 1); got != 6 {
			c.Fatalf("it has %d", got)
		}
		if now := c.owner("n1", id); now.Token != reply.Token {
			c.Fatalf("the claim was taken anew: %+v", now)
		}
		if reply, err := c.migrate("n1", id, to, false); err != nil || reply.Moved {
			c.Fatalf("to where it is: %+v, %v", reply, err)
		}
		_, err := c.migrate("n1", id, from.Node, false)
		c.wantCode(err, api.CodeFailedPrecondition, "was moved here", "force")
		c.sleep(10 * time.Second)
		if reply, err := c.migrate("n1", id, from.Node, false); err != nil || !reply.Moved {
			c.Fatalf("back after a while: %+v, %v", reply, err)
		}
		if got := c.get("n2", id); got != 6 {
			c.Fatalf("it has %d", got)
		}
	})
}

// No store read is needed to go on, and no call that comes meanwhile fails or is lost.
func TestCallsGoOnWhileAnActorMoves(t *testing.T) {
	simulate(t, 5, func(c *cluster) {
		c.startAll(3)
		id := counter("a")
		c.add("n1", id, 0)
		const callers, calls, moves = 12, 40, 15
		group := env.NewGroup(c.env, c.ctx)
		for i := range callers {
			via := fmt.Sprintf("n%d", i%3+1)
			group.Go("task", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for k := range calls {
					if err := c.callBy(pool, via, 30*time.Second, id, "add", fmt.Sprintf("%d/%d", i, k), int64(1),
						nil); err != nil {
						c.Errorf("caller %d, call %d: %v", i, k, err)
					}
				}
			})
		}
		for i := range moves {
			at := c.owner("n1", id).Node
			reply, err := c.migrate(fmt.Sprintf("n%d", i%3+1), id, c.other(at), true)
			if err != nil {
				c.Errorf("move %d: %v", i, err)
			} else if !reply.Moved {
				c.Errorf("move %d: %+v", i, reply)
			}
		}
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if got := c.get("n1", id); got != callers*calls {
			c.Fatalf("it has %d of %d", got, callers*calls)
		}
	})
}

func TestAVolatileActorTakesItsMemoryAlong(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		id := api.ActorID{Namespace: "scratchpad", ID: "a"}
		for _, text := range []string{"x", "y"} {
			if err := c.call("n1", time.Second, id, "note", text, nil); err != nil {
				c.Fatal(err)
			}
		}
		c.mustMigrate("n1", id, c.other(c.owner("n1", id).Node))
		var got []string
		if err := c.call("n1", time.Second, id, "notes", struct{}{}, &got); err != nil ||
			!slices.Equal(got, []string{"x=x", "y=xy"}) {
			c.Fatalf("it has %q, %v", got, err)
		}
		if err := c.call("n1", time.Second, id, "note", "z", &got); err != nil ||
			!slices.Equal(got, []string{"x=x", "y=xy", "z=xyz"}) {
			c.Fatalf("it has %q, %v", got, err)
		}
	})
}

type traveller struct {
	N     int      `json:"n"`
	Diary []string `json:"diary"`
	cache []byte
}

// A traveller tells what has become of it.
var travellers = actor.New[traveller]("traveller").
	OnActivate(func(_ *actor.Context, s *traveller) error {
		s.Diary = append(s.Diary, fmt.Sprintf("activated with %d", len(s.cache)))
		return nil
	}).
	OnDeactivate(func(_ *actor.Context, s *traveller) error {
		s.Diary = append(s.Diary, "deactivated")
		return nil
	}).
	OnMigrate(func(_ *actor.Context, s *traveller) ([]byte, error) {
		if len(s.cache) == 1 {
			return nil, actor.Errorf("stay", "not now")
		}
		return s.cache, nil
	}, func(_ *actor.Context, s *traveller, luggage []byte) error {
		s.cache = luggage
		return nil
	}).
	With(actor.WriteFunc("learn", func(_ *actor.Context, s *traveller, bytes int) (int, error) {
		s.cache = []byte(strings.Repeat("z", bytes))
		s.N++
		return s.N, nil
	})).
	With(actor.ReadFunc("diary", func(_ *actor.Context, s *traveller, _ struct{}) ([]string, error) {
		return s.Diary, nil
	}))

func TestAnActorTakesAlongWhatItPacks(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.kinds = append(c.kinds, travellers)
		c.startAll(2)
		id := api.ActorID{Namespace: "traveller", ID: "a"}
		learn := func(bytes int) {
			if err := c.call("n1", 5*time.Second, id, "learn", bytes, nil); err != nil {
				c.Fatal(err)
			}
		}
		const large = 3<<20 + 17 // many pieces
		learn(large)
		c.mustMigrate("n1", id, c.other(c.owner("n1", id).Node))
		learn(1)
		_, err := c.migrate("n1", id, c.other(c.owner("n1", id).Node), true)
		c.wantCode(err, api.CodeFailedPrecondition, "not now")
		var diary []string
		if err := c.call("n2", 5*time.Second, id, "diary", struct{}{}, &diary); err != nil {
			c.Fatal(err)
		}
		want := []string{"activated with 0", "deactivated", fmt.Sprintf("activated with %d", large), "deactivated",
			"activated with 1"}
		if !slices.Equal(diary, want) {
			c.Fatalf("diary %q, want %q", diary, want)
		}
	})
}

func TestAMoveIsRefused(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) {
			if config.NodeID == "n3" {
				config.Capacity = 1
			}
			if config.NodeID == "n2" {
				config.Kinds = []actor.Kind{counters}
			}
		}
		c.start("n1")
		id := counter("a")
		c.add("n1", id, 1)
		if err := c.call("n1", time.Second, api.ActorID{Namespace: "journal", ID: "a"}, "fill", 1, nil); err != nil {
			c.Fatal(err)
		}
		c.start("n2")
		c.start("n3")
		c.sleep(3 * heartbeat)
		_, err := c.migrate("n1", id, "n9", false)
		c.wantCode(err, api.CodeNotFound, "n9")
		_, err = c.migrate("n1", counter("nobody"), "n2", false)
		c.wantCode(err, api.CodeFailedPrecondition, "active on no node")
		_, err = c.migrate("n1", api.ActorID{Namespace: "journal", ID: "a"}, "n2", false)
		c.wantCode(err, api.CodeUnknownNamespace, "n2", "journal")
		c.mustMigrate("n1", id, "n3")
		c.add("n1", counter("b"), 1)
		if at := c.owner("n1", counter("b")).Node; at != "n3" {
			_, err = c.migrate("n1", counter("b"), "n3", false)
			c.wantCode(err, api.CodeNoCapacity, "n3", "capacity of 1")
		}
		c.crash("n2")
		c.sleep(2 * leaseTTL)
		_, err = c.migrate("n1", counter("a"), "n2", true)
		c.wantCode(err, api.CodeFailedPrecondition, "failed")
		if got := c.get("n1", id); got != 1 {
			c.Fatalf("it has %d", got)
		}
	})
}

// A second move of an actor is told who is at it.
func TestOneMoveOfAnActorAtATime(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		id := counter("a")
		c.add("n1", id, 1)
		from := c.owner("n1", id).Node
		held := env.NewEvent(c.env)
		c.store.commit = func(machine string, commit func() error) error {
			if machine == from {
				_ = held.Wait(c.ctx)
			}
			return commit()
		}
		first := env.NewFuture[*api.MigrateReply](c.env)
		c.env.Go("first", func() { first.Complete(c.migrate(from, id, c.other(from), true)) })
		c.sleep(100 * time.Millisecond)
		_, err := c.migrate(from, id, c.other(from), true)
		c.wantCode(err, api.CodeFailedPrecondition, "is being moved to node "+c.other(from)+" already, for an operator")
		held.Set()
		if reply, err := first.Wait(c.ctx); err != nil || !reply.Moved {
			c.Fatalf("%+v, %v", reply, err)
		}
	})
}

// Whatever fails in whatever phase, the actor is on one node afterwards, with all it has acknowledged.
func TestAMoveSurvivesCrashes(t *testing.T) {
	for _, who := range []string{"source", "target"} {
		for _, when := range []string{"before", "after"} {
			t.Run(who+" "+when, func(t *testing.T) {
				simulate(t, 3, func(c *cluster) {
					c.startAll(3)
					id := counter("a")
					c.add("n1", id, 7)
					from := c.owner("n1", id).Node
					to := c.other(from)
					via := c.other(from)
					if via == to {
						via = map[string]string{"n1 n2": "n3", "n2 n1": "n3", "n1 n3": "n2", "n3 n1": "n2"}[from+" "+to]
					}
					victim := map[string]string{"source": from, "target": to}[who]
					crashed := false
					c.store.commit = func(machine string, commit func() error) error {
						if crashed || machine != from {
							return commit()
						}
						crashed = true
						if when == "before" {
							c.crash(victim)
							return commit()
						}
						err := commit()
						c.crash(victim)
						return err
					}
					group := env.NewGroup(c.env, c.ctx)
					group.Go("task", func(context.Context) { _, _ = c.migrate(via, id, to, true) })
					c.sleep(50 * time.Millisecond)
					if got := c.add(via, id, 1); got != 8 {
						c.Fatalf("it has %d", got)
					}
					if err := group.Wait(c.ctx); err != nil {
						c.Fatal(err)
					}
					if row := c.owner(via, id); row.State != "owned" || row.Node == victim {
						c.Fatalf("owner %+v", row)
					}
				})
			})
		}
	}
}

func (c *cluster) pool() *rpc.Pool {
	return rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
}

var notebooks = actor.New[blob]("notebook").
	With(actor.WriteFunc("note", func(_ *actor.Context, s *blob, text string) (string, error) {
		s.Text += text
		return s.Text, nil
	}))

// The calls that wait while an actor moves are run in the order in which they came.
func TestTheQueueOfAMovingActorKeepsItsOrder(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.kinds = append(c.kinds, notebooks)
		c.startAll(2)
		id := api.ActorID{Namespace: "notebook", ID: "a"}
		pool := c.pool()
		defer pool.Close()
		note := func(via, text string) string {
			var now string
			if err := c.callBy(pool, via, 30*time.Second, id, "note", text, text, &now); err != nil {
				c.Errorf("%q: %v", text, err)
			}
			return now
		}
		note("n1", "-")
		from := c.owner("n1", id).Node
		held := env.NewEvent(c.env)
		c.store.commit = func(machine string, commit func() error) error {
			if machine == from {
				_ = held.Wait(c.ctx)
			}
			return commit()
		}
		group := env.NewGroup(c.env, c.ctx)
		group.Go("move", func(context.Context) { c.mustMigrate(from, id, c.other(from)) })
		c.sleep(10 * time.Millisecond)
		want := "-"
		for i := range 20 {
			text := fmt.Sprintf("%d,", i)
			want += text
			group.Go("note", func(context.Context) { note(from, text) })
			c.sleep(time.Millisecond)
		}
		held.Set()
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if got := note(from, "."); got != want+"." {
			c.Fatalf("the notebook has %q, want %q", got, want+".")
		}
	})
}

// A node that has been told once where an actor is does not ask the former owner again.
func TestAMoveCorrectsWhatOthersKnow(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(3)
		id := counter("a")
		c.add("n1", id, 1)
		from := c.owner("n1", id).Node
		to := c.other(from)
		var third string
		for _, n := range []string{"n1", "n2", "n3"} {
			if n != from && n != to {
				third = n
			}
		}
		c.add(third, id, 1)
		c.mustMigrate("n1", id, to)
		c.add(third, id, 1)
		c.network.Block(third, from)
		c.network.Block(from, third)
		began := c.env.Monotonic()
		if got := c.add(third, id, 1); got != 4 || c.env.Monotonic()-began > 100*time.Millisecond {
			c.Fatalf("it has %d after %v", got, c.env.Monotonic()-began)
		}
	})
}

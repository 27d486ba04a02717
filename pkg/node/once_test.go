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
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// client returns a client on a machine of its own.
func (c *cluster) client(name string, nodes ...string) *client.Client {
	c.Helper()
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n+":7600")
	}
	cl, err := client.New(c.env, c.network.Transport(c.env, name), client.Config{Addrs: addrs})
	if err != nil {
		c.Fatal(err)
	}
	return cl
}

type reportState struct {
	Runs int `json:"runs"`
}

func reportID(id string) api.ActorID { return api.ActorID{Namespace: "report", ID: id} }

// reports make replies of any size, and order them from each other.
func reports() *actor.Of[reportState] {
	return actor.New[reportState]("report").
		With(actor.WriteFunc("make", func(_ *actor.Context, s *reportState, n int) (string, error) {
			s.Runs++
			return strings.Repeat("r", n), nil
		})).
		With(actor.WriteFunc("order", func(ctx *actor.Context, s *reportState, n int) (int, error) {
			got, err := actor.Call[string](ctx, reportID("child"), "make", n)
			if err != nil {
				return 0, err
			}
			s.Runs++
			return len(got), nil
		})).
		With(actor.ReadFunc("runs", func(_ *actor.Context, s *reportState, _ struct{}) (int, error) {
			return s.Runs, nil
		}))
}

func (c *cluster) runs(via string, id api.ActorID) (n int) {
	c.Helper()
	if err := c.call(via, time.Minute, id, "runs", nil, &n); err != nil {
		c.Fatalf("%s: %v", id, err)
	}
	return n
}

func TestARepeatedDeletionDeletesNothingThatCameAfterIt(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		pool := c.pool()
		defer pool.Close()
		c.add("n1", counter("a"), 5)
		for _, via := range []string{"n1", "n2", "n1"} {
			if err := c.callBy(pool, via, time.Minute, counter("a"), api.MethodDestroy, "once", nil, nil); err != nil {
				c.Fatal(err)
			}
			if via == "n1" && c.get("n1", counter("a")) == 0 {
				c.add("n2", counter("a"), 7)
			}
			if got := c.get("n1", counter("a")); got != 7 {
				c.Fatalf("the counter has %d, want the 7 that were added after it was deleted", got)
			}
		}
	})
}

func TestAClientRepeatsADeletionWhoseAnswerIsLost(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 5)
		owner := c.owner("n1", counter("a")).Node
		via := c.other(owner)
		cl := c.client("slow", via)
		defer cl.Close()
		if _, err := client.Call[int64](c.ctx, cl, counter("other"), "get", nil); err != nil {
			c.Fatal(err)
		}
		c.store.landed = func(string) { // committed, and the node that would pass the answer on dies
			c.store.landed = nil
			c.crash(via)
		}
		done := env.NewFuture[struct{}](c.env)
		c.env.Go("rm", func() {
			ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
			defer cancel()
			_, err := cl.CallRaw(ctx, counter("a"), api.MethodDestroy, nil)
			done.Complete(struct{}{}, err)
		})
		c.sleep(2 * leaseTTL)
		if got := c.add(owner, counter("a"), 7); got != 7 {
			c.Fatal(got)
		}
		c.start(via)
		if _, err := done.Wait(c.ctx); err != nil {
			c.Errorf("the deletion was done, and its caller is told: %v", err)
		}
		if got := c.get(owner, counter("a")); got != 7 {
			c.Errorf("the counter has %d after 7 were acknowledged", got)
		}
	})
}

// Calls that wait behind a deletion in one mailbox are run by a new activation.
func TestCallsBehindADeletionFindAnActivatedActor(t *testing.T) {
	type state struct {
		Made map[string]int `json:"made"`
	}
	var activated int
	kind := actor.New[state]("made").
		OnActivate(func(_ *actor.Context, s *state) error {
			activated++
			if s.Made == nil {
				s.Made = map[string]int{}
			}
			return nil
		}).
		With(actor.WriteFunc("put", func(_ *actor.Context, s *state, k string) (int, error) {
			s.Made[k]++
			return s.Made[k], nil
		}))
	simulate(t, 2, func(c *cluster) {
		activated = 0
		c.kinds = append(c.kinds, kind)
		c.startAll(1)
		id := api.ActorID{Namespace: "made", ID: "a"}
		if err := c.call("n1", time.Minute, id, "put", "x", nil); err != nil {
			c.Fatal(err)
		}
		held := env.NewEvent(c.env)
		c.store.commit = func(_ string, commit func() error) error {
			_ = held.Wait(c.ctx)
			return commit()
		}
		group := env.NewGroup(c.env, c.ctx)
		counts := make([]int, 4)
		for i, method := range []string{"put", api.MethodDestroy, "put", "put"} {
			group.Go(method, func(context.Context) {
				if err := c.call("n1", time.Minute, id, method, "x", &counts[i]); err != nil && method == "put" {
					c.Errorf("call %d, %s: %v", i, method, err)
				}
			})
			c.sleep(10 * time.Millisecond)
		}
		c.store.commit = nil
		held.Set()
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if counts[0] != 2 || counts[2] != 1 || counts[3] != 2 || activated != 2 {
			c.Errorf("counts %v with %d activations, want 2, then 1 and 2 by a second one", counts, activated)
		}
	})
}

func TestOneNameForCallsOfTwoActorsNamesTwoCallsBelow(t *testing.T) {
	kind := actor.New[reportState]("payer").
		With(actor.WriteFunc("pay", func(ctx *actor.Context, s *reportState, n int64) (int64, error) {
			return actor.Call[int64](ctx, counter("bank"), "add", n)
		}))
	simulate(t, 1, func(c *cluster) {
		c.kinds = append(c.kinds, kind)
		c.startAll(2)
		cl := c.client("shop", "n1")
		defer cl.Close()
		want := int64(0)
		for i, who := range []string{"alice", "bob", "carol"} {
			want += int64(10 + i/2)
			for range 2 {
				got, err := client.Call[int64](c.ctx, cl, api.ActorID{Namespace: "payer", ID: who}, "pay",
					int64(10+i/2), client.WithIdempotencyKey("order-1"))
				if err != nil || got != want {
					c.Errorf("%s paid: the bank had %d, %v; want %d", who, got, err, want)
				}
			}
		}
	})
}

func TestAnAlarmSetAgainForTheSameTimeIsAnotherOne(t *testing.T) {
	type state struct {
		Left, Runs int
	}
	kind := actor.New[state]("pump").
		With(actor.WriteFunc("start", func(ctx *actor.Context, s *state, n int) (bool, error) {
			s.Left = n
			return true, ctx.SetAlarm("step", actor.Alarm{After: time.Second, Method: "step"})
		})).
		With(actor.WriteFunc("step", func(ctx *actor.Context, s *state, _ struct{}) (bool, error) {
			s.Left--
			s.Runs++
			if _, err := actor.Call[int64](ctx, counter("sink"), "add", int64(1)); err != nil {
				return false, err
			}
			if s.Left > 0 {
				return true, ctx.SetAlarm("step", actor.Alarm{At: ctx.Now(), Method: "step"})
			}
			return true, nil
		})).
		With(actor.ReadFunc("runs", func(_ *actor.Context, s *state, _ struct{}) (int, error) { return s.Runs, nil }))
	simulate(t, 2, func(c *cluster) {
		c.kinds = append(c.kinds, kind)
		c.startAll(2)
		id := api.ActorID{Namespace: "pump", ID: "a"}
		if err := c.call("n1", time.Minute, id, "start", 5, nil); err != nil {
			c.Fatal(err)
		}
		c.sleep(time.Minute)
		if runs, sunk := c.runs("n1", id), c.get("n1", counter("sink")); runs != 5 || sunk != 5 {
			c.Errorf("%d runs added %d, want 5", runs, sunk)
		}
	})
}

// What the handler of an alarm or a message asks of others keeps its birth over all tries, however busy the others
// are and however long it takes.
func TestTheHandlerOfAMessageThatRunsAgainAsksOnce(t *testing.T) {
	for _, how := range []string{"send", "alarm"} {
		for _, failing := range []time.Duration{100 * time.Second, 30 * time.Minute} {
			t.Run(fmt.Sprint(how, failing), func(t *testing.T) {
				var c *cluster
				var until time.Duration
				kind := actor.New[reportState]("teller").
					With(actor.WriteFunc("go", func(ctx *actor.Context, s *reportState, how string) (bool, error) {
						if how == "alarm" {
							return true, ctx.SetAlarm("pay", actor.Alarm{After: time.Second, Method: "pay"})
						}
						return true, actor.Send(ctx, api.ActorID{Namespace: "teller", ID: "b"}, "pay", nil)
					})).
					With(actor.WriteFunc("pay", func(ctx *actor.Context, s *reportState, _ struct{}) (bool, error) {
						if _, err := actor.Call[int64](ctx, counter("bank"), "add", int64(1_000_000)); err != nil {
							return false, err
						}
						// not the handler's own fault: it is tried for as long as it takes
						if c.env.Monotonic() < until {
							return false, api.Errorf(api.CodeUnavailable, "not yet")
						}
						s.Runs++
						return true, nil
					}))
				simulate(t, 1, func(cc *cluster) {
					c = cc
					c.kinds = append(c.kinds, kind)
					c.startAll(2)
					cl := c.client("customers", "n1")
					defer cl.Close()
					until = c.env.Monotonic() + failing
					if err := c.call("n1", time.Minute, api.ActorID{Namespace: "teller", ID: "a"}, "go", how,
						nil); err != nil {
						c.Fatal(err)
					}
					for range 3 { // the bank has other customers
						c.sleep(failing / 4)
						for range 100 {
							if _, err := client.Call[int64](c.ctx, cl, counter("bank"), "add", int64(1)); err != nil {
								c.Fatal(err)
							}
						}
						c.crash(c.owner("n1", counter("bank")).Node)
						c.sleep(2 * leaseTTL)
						c.startMissing(2)
					}
					c.sleep(failing)
					if got := c.get("n1", counter("bank")); got != 1_000_300 {
						c.Errorf("the bank has %d, want 1000300", got)
					}
				})
			})
		}
	}
}

// startMissing starts those of the first n nodes that do not run.
func (c *cluster) startMissing(n int) {
	c.Helper()
	for i := range n {
		if id := fmt.Sprint("n", i+1); c.nodes[id] == nil {
			c.start(id)
		}
	}
}

func TestLargeRepliesAreKeptForRepeats(t *testing.T) {
	for _, size := range []int{1 << 10, 70_000, 1_000_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			simulate(t, 1, func(c *cluster) {
				c.kinds = append(c.kinds, reports())
				c.startAll(2)
				id := reportID("a")
				if err := c.call("n1", time.Minute, id, "make", 1, nil); err != nil {
					c.Fatal(err)
				}
				owner := c.owner("n1", id).Node
				cl := c.client("caller", "n1", "n2")
				defer cl.Close()
				c.store.landed = func(string) {
					c.store.landed = nil
					c.crash(owner)
				}
				ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
				defer cancel()
				got, err := client.Call[string](ctx, cl, id, "make", size, client.WithIdempotencyKey("k"))
				if err != nil || len(got) != size {
					c.Fatalf("the call was done, and its caller is told %d bytes and: %v", len(got), err)
				}
				again, err := client.Call[string](ctx, cl, id, "make", size, client.WithIdempotencyKey("k"))
				if runs := c.runs(c.any(), id); err != nil || again != got || runs != 2 {
					c.Errorf("repeated: %d bytes, %v; it has run %d times, want 2", len(again), err, runs)
				}
			})
		})
	}
}

func TestAParentRunsAgainAfterALargeReplyOfItsChild(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.kinds = append(c.kinds, reports())
		c.startAll(3)
		parent, child := reportID("parent"), reportID("child")
		for _, id := range []api.ActorID{parent, child} {
			if err := c.call("n1", time.Minute, id, "make", 1, nil); err != nil {
				c.Fatal(err)
			}
		}
		p := c.owner("n1", parent).Node
		if p == c.owner("n1", child).Node {
			p = c.other(p)
			c.mustMigrate("n1", parent, p)
		}
		via := c.other(p)
		cl := c.client("caller", via)
		defer cl.Close()
		c.store.landed = func(string) { // the child's commit
			c.store.landed = nil
			c.env.Go("crash", func() { c.crash(p) })
		}
		ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
		defer cancel()
		got, err := client.Call[int](ctx, cl, parent, "order", 70_000)
		if ps, cs := c.runs(via, parent), c.runs(via, child); err != nil || got != 70_000 || ps != 2 || cs != 2 {
			c.Errorf("%d, %v; the parent has run %d times, its child %d, want 2 each", got, err, ps, cs)
		}
	})
}

// The answers of one batch, however large, never keep the actor from being loaded.
func TestWhatIsCommittedCanBeLoaded(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.kinds = append(c.kinds, reports())
		c.startAll(2)
		id := reportID("a")
		if got := c.runs("n1", id); got != 0 {
			c.Fatal(got)
		}
		cl := c.client("callers", "n1")
		defer cl.Close()
		c.store.commit = func(_ string, commit func() error) error { // meanwhile all the others come
			c.sleep(100 * time.Millisecond)
			return commit()
		}
		group := env.NewGroup(c.env, c.ctx)
		const callers = 150
		for i := range callers {
			group.Go("make", func(context.Context) {
				if _, err := client.Call[string](c.ctx, cl, id, "make", 60_000,
					client.WithIdempotencyKey(fmt.Sprint("k", i))); err != nil {
					c.Error(err)
				}
			})
		}
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.store.commit = nil
		c.crash(c.owner("n1", id).Node)
		c.sleep(2 * leaseTTL)
		if got := c.runs(c.any(), id); got != callers {
			c.Errorf("it has run %d times, want %d", got, callers)
		}
	})
}

// A burst of named calls is served, all of them, and their answers are kept.
func TestABurstOfNamedCallsIsServed(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.kinds = append(c.kinds, reports())
		c.startAll(2)
		cl := c.client("caller", "n1")
		defer cl.Close()
		for round := range 2 {
			for i := range 2000 {
				if _, err := client.Call[string](c.ctx, cl, reportID("a"), "make", 2000,
					client.WithIdempotencyKey(fmt.Sprint("order", i))); err != nil {
					c.Fatalf("round %d, call %d: %v", round, i, err)
				}
			}
			c.sleep(5 * time.Minute)
		}
		if got := c.runs("n1", reportID("a")); got != 2000 {
			c.Errorf("2,000 orders have run %d times", got)
		}
	})
}

// A flood of clients that never come back has an actor forget answers of a moment ago. What is on its way is then
// born anew, and not refused.
func TestAFloodOfClientsRefusesNobody(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = func(config *node.Config) { config.MaxRecords = 10 }
		c.startAll(1)
		steady := c.client("steady", "n1")
		defer steady.Close()
		done := 0
		for i := range 300 {
			cl := c.client(fmt.Sprint("guest", i), "n1")
			if _, err := client.Call[int64](c.ctx, cl, counter("a"), "add", int64(1)); err != nil {
				c.Fatalf("guest %d: %v", i, err)
			}
			cl.Close()
			if i%50 == 0 {
				if _, err := client.Call[int64](c.ctx, steady, counter("a"), "add", int64(1)); err != nil {
					c.Fatalf("between guests: %v", err)
				}
				done++
			}
			c.sleep(5 * time.Millisecond)
		}
		if got := c.get("n1", counter("a")); got != int64(300+done) {
			c.Errorf("the counter has %d of %d", got, 300+done)
		}
	})
}

// A client that was told versions which the store has not reached (it was restored, and is younger now) goes on.
func TestACallBornInTheFutureIsBornAnew(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		pool := c.pool()
		defer pool.Close()
		body, err := actor.Marshal(int64(1))
		if err != nil {
			c.Fatal(err)
		}
		in := api.InvokeRequest{Actor: counter("a"), Method: "add",
			Key: api.CallKey{Client: "from tomorrow", Counter: 1, Birth: 1 << 60}, Body: body}
		for range 2 {
			_, err = pool.Call(c.ctx, "n1:7600", rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil))
			birth, refused := api.RefusedBirth(err)
			if !refused || birth == 0 {
				c.Fatalf("a call that was born ahead of the store: %v", err)
			}
			in.Key.Birth = birth
			if _, err = pool.Call(c.ctx, "n2:7600", rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil)); err != nil {
				c.Fatal(err)
			}
			in.Key.Counter, in.Key.Birth = 2, 1<<60
		}
		if got := c.get("n1", counter("a")); got != 2 {
			c.Errorf("the counter has %d, want 2", got)
		}
	})
}

// A former owner proves that it still has the actor before it says that something does not fit.
func TestTooLargeIsNotAnsweredByAFormerOwner(t *testing.T) {
	kind := actor.New[reportState]("flooder").
		With(actor.WriteFunc("set", func(_ *actor.Context, s *reportState, n int) (int, error) {
			s.Runs = n
			return n, nil
		})).
		With(actor.WriteFunc("flood", func(ctx *actor.Context, s *reportState, _ struct{}) (int, error) {
			for i := range s.Runs {
				if err := ctx.Set(fmt.Sprintf("flood%06d", i), strings.Repeat("y", 90_000)); err != nil {
					return 0, err
				}
			}
			return s.Runs, nil
		}))
	runs, shown := 0, 0
	simulate(t, 6, func(c *cluster) {
		runs++
		c.kinds = append(c.kinds, kind)
		c.startAll(3)
		id := api.ActorID{Namespace: "flooder", ID: "a"}
		if err := c.call("n1", time.Minute, id, "set", 200, nil); err != nil {
			c.Fatal(err)
		}
		if err := c.call("n1", time.Minute, id, "flood", nil, nil); api.CodeOf(err) != api.CodeTooLarge {
			c.Fatalf("20 MB in one call: %v", err)
		}
		old := c.owner("n1", id).Node
		via := c.other(old)
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, via, api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: id.String()}); err != nil {
			c.Fatal(err)
		}
		c.network.Block(via, old) // somebody who does not know the former owner
		for range 30 {
			if err := c.call(via, 20*time.Second, id, "set", 1, nil); err == nil {
				break
			}
		}
		c.network.Unblock(via, old)
		if now := c.owner(via, id).Node; now == old || now == "" {
			return // this seed shows nothing
		}
		shown++
		var n int
		if err := c.call(old, time.Minute, id, "flood", nil, &n); err != nil || n != 1 {
			c.Errorf("asked by way of the former owner: %d, %v; want 1, as was acknowledged", n, err)
		}
	})
	if runs > 0 && shown == 0 {
		t.Error("no seed had another node take the actor")
	}
}

// What can't be read can be deleted, and is as new then.
func TestAnUnreadableActorCanBeDeleted(t *testing.T) {
	for _, part := range []string{"s", "r", "l", "o"} {
		t.Run(part, func(t *testing.T) {
			simulateChores(t, 1, func(c *cluster) {
				c.startAll(2)
				id := chore("a")
				c.do(id, "set", order{Name: "x", After: time.Hour, Text: "x"}, nil)
				c.do(id, "ring", "first", nil)
				c.crash(c.owner("n1", id).Node)
				c.damage(id, part)
				c.sleep(2 * leaseTTL)
				c.startMissing(2)
				if err := c.call("n1", time.Minute, id, "log", struct{}{}, nil); api.CodeOf(
					err) != api.CodeCorruptState {
					c.Fatalf("a damaged actor: %v", err)
				}
				pool := c.pool()
				defer pool.Close()
				for range 2 {
					if err := c.callBy(pool, "n1", time.Minute, id, api.MethodDestroy, "rm", nil, nil); err != nil {
						c.Fatalf("rm: %v", err)
					}
				}
				c.do(id, "ring", "second", nil)
				if log := c.logOf("a").Log; len(log) != 1 || log[0] != "second" {
					c.Errorf("after it was deleted: %q", log)
				}
				c.sleep(2 * time.Hour)
				if log := c.logOf("a").Log; len(log) != 1 {
					c.Errorf("two hours later: %q; due %+v", log, c.dueEntries())
				}
			})
		})
	}
}

// edit changes a value that is stored of an actor, which must be there.
func (c *cluster) edit(id api.ActorID, key []byte, change func(value []byte) []byte) {
	c.Helper()
	key = append(tuple.Pack("kelpie", "state", id.Namespace, id.ID), key...)
	_, err := kv.Transact(c.ctx, c.env, c.store.Store, kv.TxOptions{},
		func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			value, err := tx.Get(ctx, key)
			if err == nil && value == nil {
				err = fmt.Errorf("%q is not stored", key)
			}
			if err == nil {
				tx.Set(key, change(value))
			}
			return struct{}{}, err
		})
	if err != nil {
		c.Fatal(err)
	}
}

// damage writes nonsense into a part of what is stored of an actor.
func (c *cluster) damage(id api.ActorID, part string) {
	c.Helper()
	_, err := kv.Transact(c.ctx, c.env, c.store.Store, kv.TxOptions{},
		func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			begin := tuple.Pack("kelpie", "state", id.Namespace, id.ID, part)
			pairs, _, err := tx.Range(ctx, begin, kv.PrefixEnd(begin), kv.RangeOptions{Limit: 2})
			if err != nil {
				return struct{}{}, err
			}
			key := tuple.Pack("kelpie", "state", id.Namespace, id.ID, part, 1)
			if len(pairs) > 0 {
				key = pairs[len(pairs)-1].Key
			}
			tx.Set(key, []byte("nonsense"))
			return struct{}{}, nil
		})
	if err != nil {
		c.Fatal(err)
	}
}

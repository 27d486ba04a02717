// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

func postID(id string) api.ActorID { return api.ActorID{Namespace: "post", ID: id} }
func boxID(id string) api.ActorID  { return api.ActorID{Namespace: "box", ID: id} }

// parcels are what a post sends: one to each of the boxes.
type parcels struct {
	Boxes []string
	Text  string
	Count int // to each; 0 is 1
}

// posts send to boxes, which are of another namespace, and so may be on other nodes.
func posts() actor.Kind {
	return actor.New[choreState]("post").
		With(actor.WriteFunc("send", func(ctx *actor.Context, _ *choreState, p parcels) (bool, error) {
			for i := range max(p.Count, 1) {
				for _, box := range p.Boxes {
					text := p.Text
					if p.Count > 0 {
						text += fmt.Sprint(i)
					}
					if err := actor.Send(ctx, boxID(box), "put", text); err != nil {
						return false, err
					}
				}
			}
			return true, nil
		})).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
			return *s, nil
		}))
}

// boxKind does something at every put.
func boxKind(at func(ctx *actor.Context, text string) error) actor.Kind {
	return actor.New[choreState]("box").
		With(actor.WriteFunc("put", func(ctx *actor.Context, s *choreState, text string) (bool, error) {
			s.Log = append(s.Log, text)
			if at == nil {
				return true, nil
			}
			return true, at(ctx, text)
		})).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
			return *s, nil
		}))
}

// post sends by way of a node.
func (c *cluster) post(via, from string, p parcels) {
	c.Helper()
	if err := c.call(via, time.Minute, postID(from), "send", p, nil); err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) box(via, id string) []string {
	c.Helper()
	var s choreState
	if err := c.call(via, time.Minute, boxID(id), "log", struct{}{}, &s); err != nil {
		c.Fatal(err)
	}
	return s.Log
}

// farFrom is a network on which one node is far from all others.
type farFrom struct {
	node string
	by   time.Duration
}

func (f farFrom) Delay(from, to string) time.Duration {
	if from == f.node || to == f.node {
		return f.by
	}
	return 0
}
func (farFrom) Frame(_, _ string) mem.Fate { return mem.Deliver }
func (farFrom) Dial(_, _ string) error     { return nil }

// A sender that makes room for others before its first message is answered gets on with each activation, wherever
// that is.
func TestASenderThatHasToMakeRoomGetsOn(t *testing.T) {
	for _, how := range []string{"memory", "capacity"} {
		t.Run(how, func(t *testing.T) {
			simulate(t, 1, func(c *cluster) {
				c.tune = func(config *node.Config) {
					hosting(map[string][]actor.Kind{"n1": {posts(), counters}, "n2": {boxKind(nil)}, "n3": {
						posts(), counters}})(config)
					switch {
					case config.NodeID == "n2":
					case how == "memory":
						config.MemoryLimit = 6000
					default:
						config.Capacity = 2
					}
				}
				c.startAll(3)
				c.network.SetConditions(farFrom{"n2", 150 * time.Millisecond})
				c.post("n1", "a", parcels{Boxes: []string{"x"}, Text: "m", Count: 30})
				over := false
				group := env.NewGroup(c.env, c.ctx)
				for k := range 4 { // more than there is room for
					group.Go("hot", func(context.Context) {
						for ; !over && how == "capacity"; c.sleep(100 * time.Millisecond) {
							// some find no room
							_ = c.call("n1", 5*time.Second, counter(fmt.Sprint(k)), "add", int64(1), nil)
						}
					})
				}
				c.sleep(3 * time.Minute)
				over = true
				if err := group.Wait(c.ctx); err != nil {
					c.Fatal(err)
				}
				var want []string
				for i := range 30 {
					want = append(want, fmt.Sprint("m", i))
				}
				if got := c.box("n2", "x"); !slices.Equal(got, want) {
					c.Fatalf("the sender was activated %d times: %q", c.owner("n1", postID("a")).Token, got)
				}
			})
		})
	}
}

// Targets that can't be reached do not keep messages from others.
func TestManyUnreachableTargetsHoldUpNobody(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.tune = hosting(map[string][]actor.Kind{"n1": {posts()}, "n2": {boxKind(nil)}, "n3": {boxKind(nil)}})
		c.startAll(3)
		var all, far []string
		for i := range 400 {
			all = append(all, fmt.Sprint(i))
		}
		c.post("n1", "a", parcels{Boxes: all, Text: "first"})
		c.sleep(time.Minute)
		near := ""
		for _, id := range all {
			if c.owner("n1", boxID(id)).Node == "n2" {
				far = append(far, id)
			} else {
				near = id
			}
		}
		far = far[:min(len(far), 100)]
		c.network.SetConditions(farFrom{"n2", time.Hour})
		c.post("n1", "a", parcels{Boxes: append(far, near), Text: "second"})
		c.sleep(4500 * time.Millisecond)
		if got := c.box("n3", near); !slices.Equal(got, []string{"first", "second"}) {
			c.Fatalf("behind %d that can't be reached: %q", len(far), got)
		}
	})
}

// Time that a message spends behind others is no failure of its own: it has all its tries when it runs.
func TestAMessageThatOnlyWaitedHasNotFailed(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		fails := 5
		var on env.Env
		boxes := boxKind(func(ctx *actor.Context, text string) error {
			switch {
			case text == "slow":
				return env.Sleep(on, ctx, 25*time.Second)
			case fails > 0:
				fails--
				return actor.Errorf("not_yet", "not yet")
			}
			return nil
		})
		c.tune = hosting(map[string][]actor.Kind{"n1": {posts(), boxes}})
		c.startAll(1)
		on = c.nodes["n1"].machine
		over := false
		group := env.NewGroup(c.env, c.ctx)
		for k := range 4 { // the box is always busy with calls of others, for longer than a try lasts
			group.Go("busy", func(context.Context) {
				for !over {
					_ = c.call("n1", 2*time.Minute, boxID("x"), "put", "slow", nil)
				}
				_ = k
			})
		}
		c.sleep(time.Second)
		c.post("n1", "a", parcels{Boxes: []string{"x"}, Text: "patient"})
		c.sleep(20 * time.Minute)
		over = true
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.sleep(10 * time.Minute)
		if got := c.box("n1", "x"); !slices.Contains(got, "patient") || fails != 0 {
			c.Fatalf("it has still to fail %d times: %v", fails, c.letters())
		}
	})
}

// An activation that was given up sends nothing more, whatever its handler does when it goes on.
func TestAnAbandonedSenderSendsNoMore(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		var on env.Env
		sent := error(nil)
		hung := actor.New[choreState]("hung").
			With(actor.WriteFunc("send", func(ctx *actor.Context, _ *choreState, text string) (bool, error) {
				return true, actor.Send(ctx, boxID("x"), "put", text)
			})).
			With(actor.WriteFunc("hang", func(ctx *actor.Context, _ *choreState, _ struct{}) (bool, error) {
				_ = env.Sleep(on, context.Background(), time.Hour)
				sent = actor.Send(ctx, boxID("x"), "put", "from the dead")
				return true, sent
			}))
		handled := 0
		boxes := boxKind(func(*actor.Context, string) error {
			handled++
			return actor.Errorf("not_yet", "not yet")
		})
		c.tune = hosting(map[string][]actor.Kind{"n1": {hung}, "n2": {hung}, "n3": {boxes}})
		c.startAll(3)
		id := api.ActorID{Namespace: "hung", ID: "a"}
		if err := c.call("n1", time.Minute, id, "send", "once", nil); err != nil {
			c.Fatal(err)
		}
		owner := c.owner("n1", id).Node
		on = c.nodes[owner].machine
		_ = c.call(owner, 5*time.Second, id, "hang", nil, nil)
		c.sleep(30 * time.Second)
		to := map[string]string{"n1": "n2", "n2": "n1"}[owner]
		c.mustMigrate(to, id, to)
		c.sleep(2 * time.Hour)
		if letters := c.letters(); len(letters) != 1 || handled < 10 || handled > 20 {
			c.Fatalf("%d tries, %+v", handled, letters)
		}
		if sent == nil {
			c.Fatal("a handler whose activation was given up may send")
		}
	})
}

// A busy actor, whose mailbox is always full, runs its alarms among its calls.
func TestABusyActorRunsItsAlarms(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		var rang time.Duration
		busy := actor.New[choreState]("busy").
			With(actor.WriteFunc("set", func(ctx *actor.Context, _ *choreState, d time.Duration) (bool, error) {
				return true, ctx.SetAlarm("x", actor.Alarm{After: d, Method: "ring"})
			})).
			With(actor.WriteFunc("ring", func(*actor.Context, *choreState, struct{}) (bool, error) {
				rang = c.env.Monotonic()
				return true, nil
			})).
			With(actor.WriteFunc("work", func(ctx *actor.Context, s *choreState, _ struct{}) (bool, error) {
				return true, env.Sleep(c.env, ctx, 100*time.Millisecond)
			}))
		c.kinds = []actor.Kind{busy}
		c.tune = func(config *node.Config) { config.MaxPendingPerActor = 10 }
		c.startAll(1)
		id := api.ActorID{Namespace: "busy", ID: "a"}
		if err := c.call("n1", time.Minute, id, "set", 20500*time.Millisecond, nil); err != nil {
			c.Fatal(err)
		}
		due := c.env.Monotonic() + 20500*time.Millisecond
		over := false
		group := env.NewGroup(c.env, c.ctx)
		for range 30 { // of which ten find room
			group.Go("work", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for ; !over; c.sleep(20 * time.Millisecond) {
					_ = c.callBy(pool, "n1", time.Minute, id, "work", "", struct{}{}, nil) // many find the mailbox full
				}
			})
		}
		c.sleep(30 * time.Second)
		over = true
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if rang == 0 || rang > due+5*time.Second {
			c.Fatalf("due at %v, rang at %v", due, rang)
		}
	})
}

// Whatever happens to the owner of a sender, somebody looks after its messages.
func TestMessagesOfALostOwnerArrive(t *testing.T) {
	type after func(c *cluster, owner, other string)
	breakClaim := func(c *cluster) {
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, c.any(), api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: postID("a").String()}); err != nil {
			c.Fatal(err)
		}
	}
	handedOver := func(then func(c *cluster, owner, other string)) after {
		return func(c *cluster, owner, other string) {
			done := false
			c.store.commit = func(machine string, commit func() error) error {
				err := commit()
				if o, _ := registry.New(c.env, c.store.Store).Owner(c.ctx, postID("a")); !done && machine == owner &&
					o.Node == other {
					done = true
					then(c, owner, other)
				}
				return err
			}
			c.env.Go("move", func() { _, _ = c.migrate(owner, postID("a"), other, true) })
			c.sleep(time.Second)
			if c.store.commit = nil; !done {
				c.Fatal("no handover")
			}
		}
	}
	for _, what := range []struct {
		name    string
		happens after
	}{
		{"handed over, and the source dies", handedOver(func(c *cluster, owner, _ string) { c.crash(owner) })},
		{"handed over, and the source stops before the target knows", handedOver(func(c *cluster, owner, other string) {
			c.network.Partition(owner, other)
			source := c.nodes[owner]
			delete(c.nodes, owner)
			source.machine.Go("stop", func() { _ = source.Stop(context.Background()) })
		})},
		{"broken", func(c *cluster, _, _ string) { breakClaim(c) }},
		{"broken, and the next owner dies", func(c *cluster, _, _ string) {
			breakClaim(c)
			for range 100 {
				if c.sleep(time.Second); c.owner(c.any(), postID("a")).State == "owned" {
					c.crash(c.owner(c.any(), postID("a")).Node)
					return
				}
			}
			c.Fatal("nobody has taken it")
		}},
		{"broken, and the former owner makes room", func(c *cluster, owner, _ string) {
			if owner == "n2" {
				c.mustMigrate("n1", postID("a"), "n1")
			}
			breakClaim(c)
			c.add("n1", counter("x"), 1)
		}},
	} {
		t.Run(what.name, func(t *testing.T) {
			simulate(t, 3, func(c *cluster) {
				c.tune = func(config *node.Config) {
					hosting(map[string][]actor.Kind{"n1": {posts(), counters}, "n2": {posts()}, "n3": {boxKind(nil)}})(
						config)
					if config.NodeID != "n3" {
						config.Capacity = 1
					}
				}
				c.startAll(3)
				_ = c.box("n3", "x")
				c.crash("n3") // nobody hosts the receiver for a while
				c.sleep(2 * leaseTTL)
				c.post("n1", "a", parcels{Boxes: []string{"x"}, Text: "hello"})
				owner := c.owner("n1", postID("a")).Node
				what.happens(c, owner, map[string]string{"n1": "n2", "n2": "n1"}[owner])
				c.sleep(2 * time.Minute)
				c.network.Heal("n1", "n2")
				c.start("n3")
				c.sleep(3 * time.Minute)
				if got := c.box("n3", "x"); !slices.Equal(got, []string{"hello"}) {
					c.Fatalf("%q; %+v", got, c.dueEntries())
				}
				c.sleep(time.Minute)
				if due := c.dueEntries(); len(due) != 0 {
					c.Fatalf("left: %+v", due)
				}
			})
		})
	}
}

// wantSetAside wants every node to tell how many actors of a namespace wait for a node to host it.
func (c *cluster) wantSetAside(namespace string, want int64) {
	c.Helper()
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		reply, err := admin[api.Empty, api.NamespacesReply](c, id, api.MethodNamespaces, &api.Empty{})
		if err != nil {
			c.Fatal(err)
		}
		i := slices.IndexFunc(reply.Namespaces, func(ns api.NamespaceRow) bool { return ns.Namespace == namespace })
		if i < 0 || reply.Namespaces[i].SetAside != want {
			c.Errorf("%s: %+v, want %d actors of %s set aside", id, reply.Namespaces, want, namespace)
		}
		alarms, err := admin[api.AlarmsRequest, api.AlarmsReply](c, id, api.MethodAlarms,
			&api.AlarmsRequest{Namespace: namespace})
		if err != nil {
			c.Fatal(err)
		}
		if len(alarms.Alarms) != int(want) {
			c.Errorf("%s: %d alarms, want %d", id, len(alarms.Alarms), want)
		}
		for _, al := range alarms.Alarms {
			if !al.SetAside {
				c.Errorf("%s: %+v", id, al)
			}
		}
	}
}

// What nobody hosts any more waits until somebody does, and holds up nobody.
func TestWhatNobodyHostsHoldsUpNobody(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		retired := newChores("retired")
		c.kinds = append(c.kinds, retired)
		c.startAll(2)
		const many = 500
		group := env.NewGroup(c.env, c.ctx)
		set := func(id api.ActorID, after time.Duration) {
			c.do(id, "set", order{Name: "x", After: after, Text: "x"}, nil)
		}
		for w := range 20 {
			group.Go("set", func(context.Context) {
				for i := w; i < many; i += 20 {
					set(api.ActorID{Namespace: "retired", ID: fmt.Sprint(i)}, time.Minute)
				}
			})
		}
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.crash("n1")
		c.crash("n2")
		c.kinds = c.kinds[:len(c.kinds)-1]
		c.startAll(2)
		for i := range 20 {
			set(chore(fmt.Sprint(i)), 20*time.Minute) // which are released before
		}
		c.sleep(19 * time.Minute)
		lookups := c.store.ownerReads
		c.sleep(time.Minute - time.Second)
		if n := c.store.ownerReads - lookups; n > 20 {
			c.Fatalf("%d look-ups of owners by a cluster that has nothing to do", n)
		}
		c.wantSetAside("retired", many)
		c.sleep(5 * time.Second)
		for i := range 20 {
			if s := c.logOf(fmt.Sprint(i)); len(s.Log) != 1 {
				c.Fatalf("chore %d has not rung: %+v", i, s)
			}
		}
		c.kinds = append(c.kinds, retired)
		c.start("n3")
		c.sleep(30 * time.Second)
		c.wantSetAside("retired", 0)
		for i := range many {
			var s choreState
			if c.do(api.ActorID{Namespace: "retired", ID: fmt.Sprint(i)}, "log", struct{}{}, &s); len(s.Log) != 1 {
				c.Fatalf("retired %d has not rung: %+v", i, s)
			}
		}
	})
}

// A namespace whose actors take long to wake takes its own share of the scanner.
func TestANamespaceThatIsSlowToWakeHoldsUpNoOther(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		slowly := false
		slow := actor.New[choreState]("slow").
			OnActivate(func(ctx *actor.Context, _ *choreState) error {
				if slowly {
					_ = env.Sleep(c.env, context.Background(), 9*time.Second)
				}
				return nil
			}).
			With(actor.WriteFunc("set", func(ctx *actor.Context, _ *choreState, d time.Duration) (bool, error) {
				return true, ctx.SetAlarm("x", actor.Alarm{After: d, Method: "ring"})
			})).
			With(actor.WriteFunc("ring", func(*actor.Context, *choreState, struct{}) (bool, error) {
				return true, nil
			}))
		c.kinds = append(c.kinds, slow)
		c.startAll(1)
		for i := range 300 {
			if err := c.call("n1", time.Minute, api.ActorID{Namespace: "slow", ID: fmt.Sprint(i)}, "set",
				30*time.Second, nil); err != nil {
				c.Fatal(err)
			}
		}
		for i := range 20 {
			c.do(chore(fmt.Sprint(i)), "set", order{Name: "x", After: 30 * time.Second, Text: "x"}, nil)
		}
		c.crash("n1")
		c.sleep(time.Minute)
		slowly = true
		c.start("n1")
		c.sleep(12 * time.Second)
		late := 0
		for _, e := range c.dueEntries() {
			if e.Actor.Namespace == "chore" {
				late++
			}
		}
		if late > 0 {
			c.Fatalf("%d of 20 have not rung", late)
		}
		slowly = false
		c.sleep(time.Minute)
	})
}

// Messages that are not taken leave room for those to other targets, and what can never fit is told as such.
func TestMessagesToADeadTargetLeaveRoomForOthers(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		fan := actor.New[choreState]("fan").
			With(actor.WriteFunc("set", func(ctx *actor.Context, _ *choreState, n int) (bool, error) {
				return true, ctx.SetAlarm("fan", actor.Alarm{After: time.Second, Method: "out", Request: n})
			})).
			With(actor.WriteFunc("out", func(ctx *actor.Context, _ *choreState, n int) (bool, error) {
				for range n {
					if err := actor.Send(ctx, boxID("x"), "put", "m"); err != nil {
						return false, err
					}
				}
				return true, nil
			}))
		healthy := newChores("chore")
		c.tune = hosting(map[string][]actor.Kind{"n1": {posts(), fan, healthy}, "n2": {boxKind(nil)}})
		c.startAll(2)
		_ = c.box("n2", "x")
		c.crash("n2")
		c.sleep(2 * leaseTTL)
		c.post("n1", "a", parcels{Boxes: []string{"x"}, Count: 1000})
		wantCode(c, c.call("n1", time.Minute, postID("a"), "send", parcels{Boxes: []string{"x"}}, nil),
			api.CodeOverloaded)
		c.post("n1", "a", parcels{Boxes: []string{"y"}, Count: 500})
		wantCode(c, c.call("n1", time.Minute, postID("a"), "send", parcels{Boxes: []string{"y"}}, nil),
			api.CodeOverloaded)
		c.post("n1", "a", parcels{Boxes: []string{"z"}})
		wantCode(c, c.call("n1", time.Minute, postID("b"), "send", parcels{Boxes: []string{"x"}, Count: 1001}, nil),
			api.CodeTooLarge)
		if err := c.call("n1", time.Minute, api.ActorID{Namespace: "fan", ID: "a"}, "set", 1001, nil); err != nil {
			c.Fatal(err)
		}
		c.sleep(15 * time.Minute)
		if letters := c.letters(); len(letters) != 1 || letters[0].Alarm != "fan" ||
			letters[0].Code != api.CodeTooLarge.String() {
			c.Fatalf("%+v", letters)
		}
		c.start("n2")
		c.sleep(5 * time.Minute)
		if x, z := len(c.box("n2", "x")), len(c.box("n2", "z")); x != 1000 || z != 1 {
			c.Fatalf("%d and %d have arrived", x, z)
		}
	})
}

// Times that are before all that can be stored run at once, those that are after that never.
func TestAlarmsAtTheEndsOfTime(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		kind := actor.New[choreState]("ends").
			With(actor.WriteFunc("set", func(ctx *actor.Context, s *choreState, at int64) (bool, error) {
				return true, ctx.SetAlarm("x", actor.Alarm{At: time.Unix(at, 0), Method: "ring"})
			})).
			With(actor.WriteFunc("ring", func(_ *actor.Context, s *choreState, _ struct{}) (bool, error) {
				s.Runs++
				return true, nil
			})).
			With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
				return *s, nil
			}))
		c.kinds = []actor.Kind{kind}
		c.startAll(1)
		for at, runs := range map[int64]int{-1 << 40: 1, -1: 1, 0: 1, 1: 1, 1 << 62: 0} {
			id := api.ActorID{Namespace: "ends", ID: fmt.Sprint(at)}
			var s choreState
			if err := c.call("n1", time.Minute, id, "set", at, nil); err != nil {
				c.Fatal(err)
			}
			c.sleep(2 * time.Second)
			if err := c.call("n1", time.Minute, id, "log", nil, &s); err != nil || s.Runs != runs {
				c.Fatalf("at %d: it ran %d times, %v", at, s.Runs, err)
			}
		}
	})
}

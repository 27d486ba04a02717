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
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// sends lists what is not delivered, page by page.
func (c *cluster) sends(in api.SendsRequest) []api.SendRow {
	c.Helper()
	return allPages(c, api.MethodSends, &in, func(reply *api.SendsReply) ([]api.SendRow, bool) {
		in.After = reply.Next
		return reply.Sends, reply.Next != ""
	})
}

// drop has an operator drop messages of an actor through a node.
func (c *cluster) drop(via string, sender api.ActorID, number uint64, target string) (api.SendDropReply, error) {
	reply, err := admin[api.SendDropRequest, api.SendDropReply](c, via, api.MethodSendDrop,
		&api.SendDropRequest{Actor: sender.String(), Number: number, Target: target})
	if err != nil {
		return api.SendDropReply{}, err
	}
	return *reply, nil
}

// wantDrop fails the test if a drop does not come to what it should.
func (c *cluster) wantDrop(via string, sender api.ActorID, number uint64, target string, want api.SendDropReply) {
	c.Helper()
	if got, err := c.drop(via, sender, number, target); err != nil || got != want {
		c.Fatalf("dropped %+v, not %+v: %v", got, want, err)
	}
}

func (c *cluster) numberOf(row api.SendRow) uint64 {
	c.Helper()
	_, number, err := api.ParseLetter(row.Send)
	if err != nil {
		c.Fatal(err)
	}
	return number
}

// postcard is what a poster sends.
type postcard struct{ To, Method, Text string }

func poster(id string) api.ActorID { return api.ActorID{Namespace: "poster", ID: id} }

func posted(id string) api.ActorID { return api.ActorID{Namespace: "posted", ID: id} }

// posters send to actors of any namespace.
var posters = actor.New[counterState]("poster").
	With(actor.WriteFunc("send", func(ctx *actor.Context, _ *counterState, cards []postcard) (bool, error) {
		for _, p := range cards {
			to, err := api.ParseActorID(p.To)
			if err == nil {
				err = actor.Send(ctx, to, p.Method, p.Text)
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})).
	With(actor.WriteFunc("note", func(_ *actor.Context, s *counterState, _ string) (bool, error) {
		s.N++
		return true, nil
	})).
	With(actor.ReadFunc("noted", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
		return s.N, nil
	})).
	With(actor.WriteFunc("here", func(*actor.Context, *counterState, struct{}) (bool, error) { return true, nil }))

// letterbox is what receivers share with a test: how many of their handlers wait, and what they wait for.
type letterbox struct {
	begun int
	open  *env.Event
	// fails has the handler fail that is about to return, takes has it take a while before.
	fails func() bool
	takes func() time.Duration
	env   env.Env
}

// receivers take what posters send: put does so at once, wait when the box opens, refuse never, and flaky unless the
// box says that it fails.
func (b *letterbox) receivers() actor.Kind {
	put := func(s *choreState, text string) (bool, error) {
		s.Log = append(s.Log, text)
		return true, nil
	}
	return actor.New[choreState]("posted").
		With(actor.WriteFunc("put", func(_ *actor.Context, s *choreState, text string) (bool, error) {
			return put(s, text)
		})).
		With(actor.WriteFunc("wait", func(ctx *actor.Context, s *choreState, text string) (bool, error) {
			b.begun++
			if err := b.open.Wait(ctx); err != nil {
				return false, err
			}
			if b.fails != nil && b.fails() {
				return false, actor.Errorf("never", "never works")
			}
			return put(s, text)
		})).
		With(actor.WriteFunc("refuse", func(*actor.Context, *choreState, string) (bool, error) {
			return false, actor.Errorf("never", "never works")
		})).
		With(actor.WriteFunc("flaky", func(ctx *actor.Context, s *choreState, text string) (bool, error) {
			if b.takes != nil {
				if err := env.Sleep(b.env, ctx, b.takes()); err != nil {
					return false, err
				}
			}
			if b.fails != nil && b.fails() {
				return false, actor.Errorf("flaky", "not now")
			}
			return put(s, text)
		})).
		With(actor.WriteFunc("here", func(*actor.Context, *choreState, struct{}) (bool, error) { return true, nil })).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
			return *s, nil
		}))
}

func simulatePosts(t *testing.T, seeds int, f func(c *cluster, b *letterbox)) {
	t.Helper()
	simulate(t, seeds, func(c *cluster) {
		b := &letterbox{open: env.NewEvent(c.env), env: c.env}
		c.kinds = append(slices.Clone(c.kinds), posters, b.receivers())
		f(c, b)
	})
}

func (c *cluster) mail(from string, cards ...postcard) {
	c.Helper()
	c.do(poster(from), "send", cards, nil)
}

func (c *cluster) wantPosted(id string, want ...string) {
	c.Helper()
	var s choreState
	if c.do(posted(id), "log", struct{}{}, &s); !slices.Equal(s.Log, want) {
		c.Fatalf("%s has got %q, not %q", id, s.Log, want)
	}
}

func TestAnOperatorDropsWhatStandsInTheWay(t *testing.T) {
	simulatePosts(t, 6, func(c *cluster, _ *letterbox) {
		c.startAll(2)
		c.mail("a", postcard{"posted/b", "refuse", "bad"}, postcard{"posted/b", "refuse", "worse"})
		c.mail("a", postcard{"posted/b", "put", "good"})
		c.sleep(20*time.Second + time.Duration(c.env.Rand("drop").IntN(4000))*time.Millisecond)
		waiting := c.sends(api.SendsRequest{Limit: 1})
		if len(waiting) != 3 || waiting[0].Method != "refuse" || waiting[0].Target != "posted/b" ||
			waiting[0].Attempts < 2 || waiting[0].Error != "never works" || waiting[1].Attempts != 0 {
			c.Fatalf("%+v", waiting)
		}
		_, err := c.drop("n2", poster("a"), 0, "posted/c")
		wantCode(c, err, api.CodeNotFound)
		_, err = c.drop("n1", poster("a"), c.numberOf(waiting[0]), "posted/c")
		wantCode(c, err, api.CodeNotFound)
		_, err = c.drop("n1", poster("never"), 0, "")
		wantCode(c, err, api.CodeNotFound)
		for i, row := range waiting[:2] {
			// Through either node: one of them is not the owner.
			c.wantDrop([]string{"n1", "n2"}[i], poster("a"), c.numberOf(row), "posted/b", api.SendDropReply{Dropped: 1})
			_, err = c.drop("n2", poster("a"), c.numberOf(row), "")
			wantCode(c, err, api.CodeNotFound)
		}
		c.sleep(2 * time.Second)
		c.wantPosted("b", "good")
		if c.env.Rand("crash").IntN(2) == 0 {
			c.crash(c.owner("n1", poster("a")).Node)
		}
		c.mail("a", postcard{"posted/b", "put", "next"})
		c.sleep(leaseTTL + 15*time.Second)
		c.wantPosted("b", "good", "next")
		if letters := c.letters(); len(letters) != 0 {
			c.Fatalf("%+v", letters)
		}
		if left := c.sends(api.SendsRequest{}); len(left) != 0 {
			c.Fatalf("%+v", left)
		}
	})
}

func TestADroppedMessageThatWasNotTriedNeverArrives(t *testing.T) {
	simulatePosts(t, 4, func(c *cluster, b *letterbox) {
		c.startAll(2)
		c.mail("a", postcard{"posted/b", "wait", "first"}, postcard{"posted/b", "put", "second"},
			postcard{"posted/b", "put", "third"})
		c.sleep(time.Second)
		waiting := c.sends(api.SendsRequest{})
		if b.begun != 1 || len(waiting) != 3 {
			c.Fatalf("%d handlers wait, of %+v", b.begun, waiting)
		}
		c.wantDrop("n1", poster("a"), c.numberOf(waiting[1]), "", api.SendDropReply{Dropped: 1})
		b.open.Set()
		c.sleep(5 * time.Second)
		c.wantPosted("b", "first", "third")
	})
}

// What is on its way when it is dropped may be handled, fail, or go on for longer than the operator waits.
func TestADropTellsWhatBecameOfAMessageOnItsWay(t *testing.T) {
	for name, tt := range map[string]struct {
		opens time.Duration // after the drop
		fails bool
		want  api.SendDropReply
		got   []string
	}{
		"handled": {time.Second, false, api.SendDropReply{Delivered: 1}, []string{"first", "second"}},
		"failed":  {time.Second, true, api.SendDropReply{Dropped: 1}, []string{"second"}},
		"unclear": {5 * time.Second, false, api.SendDropReply{Dropped: 1, Unclear: 1}, []string{"first", "second"}},
	} {
		t.Run(name, func(t *testing.T) {
			simulatePosts(t, 4, func(c *cluster, b *letterbox) {
				b.fails = func() bool { return tt.fails }
				c.startAll(2)
				c.mail("a", postcard{"posted/b", "wait", "first"}, postcard{"posted/b", "put", "second"})
				c.sleep(time.Second)
				waiting := c.sends(api.SendsRequest{})
				if b.begun != 1 || len(waiting) != 2 {
					c.Fatalf("%d handlers wait, of %+v", b.begun, waiting)
				}
				c.env.AfterFunc(tt.opens, b.open.Set)
				c.wantDrop(c.any(), poster("a"), c.numberOf(waiting[0]), "", tt.want)
				c.sleep(10 * time.Second)
				c.wantPosted("b", tt.got...)
				if left := c.sends(api.SendsRequest{}); len(left) != 0 || b.begun != 1 {
					c.Fatalf("%d runs, left are %+v", b.begun, left)
				}
			})
		})
	}
}

// A namespace that no node hosts any more holds up no other target, and what was sent to it can be dropped for good: it
// is not tried later, when the namespace is hosted again.
func TestWhatWaitsForANamespaceWithoutANodeIsDropped(t *testing.T) {
	simulatePosts(t, 4, func(c *cluster, b *letterbox) {
		c.tune = onlyTheThird
		c.startAll(3)
		c.do(posted("x"), "log", struct{}{}, nil)
		c.crash("n3")
		c.sleep(2 * leaseTTL)
		c.do(poster("a"), "send", []postcard{{"posted/x", "put", "lost"}, {"posted/y", "put", "lost"},
			{"posted/x", "put", "lost too"}, {"posted/y", "put", "kept"}, {"poster/c", "note", "other"}}, nil)
		c.sleep(65 * time.Second)
		waiting := c.sends(api.SendsRequest{Overdue: true, Actor: poster("a").String()})
		var noted int64
		if c.do(poster("c"), "noted", struct{}{}, &noted); noted != 1 {
			c.Fatalf("%d messages to another target were delivered", noted)
		}
		if len(waiting) != 4 || waiting[0].Attempts != 0 || waiting[0].Error == "" {
			c.Fatalf("%+v", waiting)
		}
		// It is certain that none was handled: this activation has sent them, and no node was there to take them.
		c.wantDrop("n1", poster("a"), 0, "posted/x", api.SendDropReply{Dropped: 2})
		c.wantDrop("n2", poster("a"), c.numberOf(waiting[1]), "", api.SendDropReply{Dropped: 1})
		c.start("n3")
		c.sleep(2 * time.Minute)
		c.wantPosted("x")
		c.wantPosted("y", "kept")
		if left := c.sends(api.SendsRequest{}); len(left) != 0 {
			c.Fatalf("%+v", left)
		}
	})
}

// After the sender's node has died, no other node knows of the tries that it made.
func TestADropAfterTheSendersNodeHasDied(t *testing.T) {
	simulatePosts(t, 4, func(c *cluster, b *letterbox) {
		c.startAll(2)
		c.mustHave("n1", poster("a"))
		c.mustHave("n2", posted("b"))
		c.mail("a", postcard{"posted/b", "wait", "first"}, postcard{"posted/b", "put", "second"},
			postcard{"posted/b", "put", "third"})
		c.sleep(time.Second)
		waiting := c.sends(api.SendsRequest{})
		if b.begun != 1 || len(waiting) != 3 {
			c.Fatalf("%d handlers wait, of %+v", b.begun, waiting)
		}
		c.crash("n1") // its message is still being handled
		c.sleep(2 * leaseTTL)
		c.start("n1")
		reply, err := c.drop(c.any(), poster("a"), 0, "")
		if err != nil || reply.Dropped+reply.Delivered != 3 || reply.Unclear == 0 && reply.Delivered == 0 {
			c.Fatalf("%+v: %v", reply, err)
		}
		b.open.Set()
		c.sleep(time.Minute)
		c.mail("a", postcard{"posted/b", "put", "fourth"})
		c.sleep(5 * time.Second)
		c.wantPosted("b", "first", "fourth")
	})
}

// onlyTheThird has only n3 host receivers.
func onlyTheThird(config *node.Config) {
	if config.NodeID != "n3" {
		config.Kinds = config.Kinds[:len(config.Kinds)-1]
	}
}

// The node of a sender dies when a message was handled and that is not stored yet. Who has the sender next can't know,
// as long as the receiver does not answer.
func TestADropDoesNotSwearForTheTriesOfOthers(t *testing.T) {
	simulatePosts(t, 4, func(c *cluster, _ *letterbox) {
		c.tune = onlyTheThird
		c.startAll(3)
		c.mustHave("n1", poster("a"))
		c.mustHave("n3", posted("b"))
		c.mail("a", postcard{"posted/b", "put", "first"}, postcard{"posted/b", "refuse", "second"},
			postcard{"posted/b", "put", "third"})
		c.sleep(500 * time.Millisecond)
		c.wantPosted("b", "first")
		c.crash("n1")
		c.crash("n3")
		c.sleep(3 * leaseTTL)
		if left := c.sends(api.SendsRequest{}); len(left) != 3 {
			c.Fatalf("left are %+v", left)
		}
		c.wantDrop("n2", poster("a"), 0, "", api.SendDropReply{Dropped: 3, Unclear: 3})
		c.mail("a", postcard{"posted/b", "put", "fourth"})
		c.start("n3")
		c.sleep(time.Minute)
		c.wantPosted("b", "first", "fourth")
	})
}

// The answer to a try is lost with the receiver's node: whether it has run is not known, whatever becomes of the tries
// after it.
func TestADropOfAMessageWhoseAnswerWasLost(t *testing.T) {
	for _, after := range []time.Duration{
		5 * time.Second, 44500 * time.Millisecond, 50 * time.Second, 2 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			simulatePosts(t, 2, func(c *cluster, b *letterbox) {
				c.tune = onlyTheThird
				c.startAll(3)
				c.mustHave("n1", poster("a"))
				c.mail("a", postcard{"posted/b", "wait", "first"}, postcard{"posted/b", "put", "second"})
				c.sleep(time.Second)
				if b.begun != 1 {
					c.Fatalf("%d handlers wait", b.begun)
				}
				c.crash("n3")
				c.sleep(after)
				waiting := c.sends(api.SendsRequest{})
				c.wantDrop("n2", poster("a"), c.numberOf(waiting[1]), "", api.SendDropReply{Dropped: 1})
				c.wantDrop("n2", poster("a"), 0, "", api.SendDropReply{Dropped: 1, Unclear: 1})
			})
		})
	}
}

// Whatever fails, and whatever operators drop: what arrives does so once and in order. What a drop says was not handled
// is not, what it says was handled is, and all that was not dropped arrives.
func TestDropsKeepTheOrderAndTellTheTruth(t *testing.T) {
	const messages = 30
	told := make(map[api.SendDropReply]int)
	simulatePosts(t, 24, func(c *cluster, b *letterbox) {
		random := c.env.Rand("faults")
		b.fails = func() bool { return random.IntN(5) < 2 }
		b.takes = func() time.Duration { // now and then for longer than an operator waits
			return time.Duration(random.IntN(20)/19*3000+random.IntN(300)) * time.Millisecond
		}
		c.startAll(3)
		c.store.commit = func(_ string, commit func() error) error {
			switch random.IntN(32) {
			case 0:
				return kv.ErrCommitUnknown
			case 1:
				if err := commit(); err != nil {
					return err
				}
				return kv.ErrCommitUnknown
			}
			return commit()
		}
		pool := c.pool()
		defer pool.Close()
		group := env.NewGroup(c.env, c.ctx)
		group.Go("send", func(context.Context) { // texts of 1, 2, 3 ... bytes
			for i := range messages {
				card := []postcard{{"posted/sink", "flaky", strings.Repeat("x", i+1)}}
				for c.callBy(pool, c.any(), 10*time.Second, poster("a"), "send", fmt.Sprint("card ", i), card,
					nil) != nil {
					c.sleep(time.Second)
				}
				c.sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
			}
		})
		drops := make(map[int]api.SendDropReply) // of what length; the zero reply if that is not known
		group.Go("drop", func(context.Context) {
			for range 15 {
				c.sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
				reply, err := admin[api.SendsRequest, api.SendsReply](c, c.any(), api.MethodSends, &api.SendsRequest{})
				if err != nil || len(reply.Sends) == 0 {
					continue
				}
				row := reply.Sends[random.IntN(min(len(reply.Sends), 2))]
				got, err := c.drop(c.any(), poster("a"), c.numberOf(row), "")
				if api.CodeOf(err) == api.CodeNotFound {
					continue // it was delivered meanwhile, or dropped by a try that is not known to have been
				}
				drops[row.RequestBytes-1] = got
				told[got]++
			}
		})
		group.Go("crash", func(context.Context) {
			c.sleep(time.Duration(random.IntN(20_000)) * time.Millisecond)
			row, err := admin[api.ActorGetRequest, api.ActorRow](c, "n1", api.MethodActorGet,
				&api.ActorGetRequest{Actor: poster("a").String()})
			if err == nil && row.Node != "" && row.Node != "n1" {
				c.crash(row.Node)
			}
		})
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.store.commit, b.fails = nil, nil
		c.sleep(3 * time.Minute)
		if left := c.sends(api.SendsRequest{}); len(left) != 0 {
			c.Fatalf("left are %+v", left)
		}
		var s choreState
		c.do(posted("sink"), "log", struct{}{}, &s)
		arrived := make(map[int]bool)
		last := 0
		for _, text := range s.Log {
			if len(text) <= last {
				c.Fatalf("%d arrived after %d", len(text), last)
			}
			last = len(text)
			arrived[last] = true
		}
		for n := 1; n <= messages; n++ {
			got, dropped := drops[n]
			switch {
			case !dropped && !arrived[n], got == api.SendDropReply{Delivered: 1} && !arrived[n]:
				c.Fatalf("message %d never arrived: %+v", n, got)
			case got == api.SendDropReply{Dropped: 1} && arrived[n]:
				c.Fatalf("message %d arrived: %+v", n, got)
			}
		}
	})
	if envtest.RealOnly() {
		return // and no seed has run
	}
	t.Logf("drops came to %v", told)
	for _, want := range []api.SendDropReply{{Dropped: 1}, {Delivered: 1}, {Dropped: 1, Unclear: 1}} {
		if told[want] == 0 {
			t.Errorf("no drop came to %+v: %v", want, told)
		}
	}
}

// What an actor has to do later, and what of it fails, is told with the actor.
func TestAnActorsDetailsTellWhatItHasToDo(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		a := chore("a")
		c.do(a, "set", order{Name: "later", After: time.Hour, Text: "later"}, nil)
		c.do(a, "set", order{Name: "soon", After: time.Second, Method: "fail", Text: "bad"}, nil)
		c.do(a, "send", order{To: "b", Method: "fail", Text: "bad"}, nil)
		c.do(a, "send", order{To: "b", Text: "good"}, nil)
		c.sleep(10 * time.Second)
		for _, via := range []string{"n1", "n2"} {
			d, err := admin[api.ActorStatsRequest, api.ActorDetail](c, via, api.MethodActorStats,
				&api.ActorStatsRequest{Actor: a.String()})
			if err != nil {
				c.Fatal(err)
			}
			now := c.env.Now().UTC().Format(time.RFC3339)
			s := d.Scheduled
			if s == nil || s.Alarms != 2 || s.AlarmsFailing != 1 || s.AlarmError != "never works" ||
				s.NextAlarm <= now || s.NextAlarm > c.env.Now().Add(time.Minute).UTC().Format(time.RFC3339) {
				c.Fatalf("%+v", s)
			}
			if s.Sends != 2 || s.SendsFailing != 1 || s.SendError != "never works" || s.OldestSend >= now {
				c.Fatalf("%+v", s)
			}
		}
		d, err := admin[api.ActorStatsRequest, api.ActorDetail](c, "n1", api.MethodActorStats,
			&api.ActorStatsRequest{Actor: chore("b").String()})
		if err != nil || d.Scheduled == nil || *d.Scheduled != (api.ActorScheduled{}) {
			c.Fatalf("%+v: %v", d, err)
		}
	})
}

// What fails for the first time is an event, and what fails on is counted by the node that has the actor, until it is
// done or dropped.
func TestWhatFailsIsToldBeforeItIsDead(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		failing := func() (alarms, sends int) {
			for _, id := range []string{"n1", "n2"} {
				info, err := admin[api.Empty, api.ClusterInfo](c, id, api.MethodClusterInfo, &api.Empty{})
				if err != nil {
					c.Fatal(err)
				}
				alarms, sends = alarms+info.AlarmsFailing, sends+info.SendsFailing
			}
			return alarms, sends
		}
		if alarms, sends := failing(); alarms != 0 || sends != 0 {
			c.Fatalf("%d alarms and %d messages fail", alarms, sends)
		}
		c.do(chore("a"), "set", order{Name: "soon", After: time.Second, Method: "fail", Text: "bad"}, nil)
		c.do(chore("a"), "send", order{To: "b", Method: "fail", Text: "bad"}, nil)
		c.do(chore("a"), "send", order{To: "b", Method: "fail", Text: "behind"}, nil)
		c.sleep(30 * time.Second)
		if alarms, sends := failing(); alarms != 1 || sends != 1 {
			c.Fatalf("%d alarms and %d messages fail", alarms, sends)
		}
		events, err := admin[api.EventsRequest, api.EventsReply](c, "n2", api.MethodEvents, &api.EventsRequest{})
		if err != nil {
			c.Fatal(err)
		}
		causes := make(map[string][]string)
		for _, e := range events.Events {
			causes[e.Kind] = append(causes[e.Kind], e.Actor+" "+e.Cause)
		}
		if got := causes[api.EventAlarmFailed]; !slices.Equal(got, []string{"chore/a alarm soon: never works"}) {
			c.Fatalf("%q", got)
		}
		if got := causes[api.EventSendFailed]; !slices.Equal(got,
			[]string{"chore/a message to chore/b: never works"}) {
			c.Fatalf("%q", got)
		}
		if _, err := admin[api.AlarmRequest, api.AlarmReply](c, "n2", api.MethodAlarmCancel,
			&api.AlarmRequest{Actor: "chore/a", Alarm: "soon"}); err != nil {
			c.Fatal(err)
		}
		if _, err := c.drop("n2", chore("a"), 0, ""); err != nil {
			c.Fatal(err)
		}
		c.sleep(time.Second)
		if alarms, sends := failing(); alarms != 0 || sends != 0 {
			c.Fatalf("%d alarms and %d messages fail", alarms, sends)
		}
	})
}

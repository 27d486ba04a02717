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
	"github.com/kelpiehq/kelpie/pkg/registry"
)

type choreState struct {
	Log   []string  `json:"log"`
	Times []int64   `json:"times"` // what Now said, in milliseconds
	Draws []uint64  `json:"draws"`
	Runs  int       `json:"runs"`
	Fails int       `json:"fails"` // how often ring is still to fail
	Last  time.Time `json:"last"`
}

type order struct {
	Name   string        `json:"name"`
	After  time.Duration `json:"after"`
	Every  time.Duration `json:"every"`
	Cron   string        `json:"cron"`
	Method string        `json:"method"`
	Text   string        `json:"text"`
	Fail   bool          `json:"fail"`
	To     string        `json:"to"`
	Count  int           `json:"count"`
}

// tries counts how often handlers ran that fail, whose state is undone.
var tries int

// chores set alarms, and send to one another.
var chores = newChores("chore")

func newChores(namespace string) *actor.Of[choreState] {
	return actor.New[choreState](namespace).
		With(actor.WriteFunc("set", func(ctx *actor.Context, s *choreState, o order) (int, error) {
			if o.Method == "" {
				o.Method = "ring"
			}
			err := ctx.SetAlarm(
				o.Name, actor.Alarm{After: o.After, Every: o.Every, Cron: o.Cron, Method: o.Method, Request: o.Text})
			if err == nil && o.Fail {
				err = actor.Errorf("told", "told to fail")
			}
			return len(ctx.Alarms()), err
		})).
		With(actor.WriteFunc("cancel", func(ctx *actor.Context, _ *choreState, name string) (bool, error) {
			return ctx.CancelAlarm(name)
		})).
		With(actor.ReadFunc("alarms", func(ctx *actor.Context, _ *choreState, _ struct{}) ([]string, error) {
			out := []string{}
			for _, al := range ctx.Alarms() {
				out = append(out, fmt.Sprintf("%s %s %d", al.Name, al.Method, al.Attempts))
			}
			return out, nil
		})).
		With(actor.WriteFunc("ring", func(ctx *actor.Context, s *choreState, text string) (bool, error) {
			s.Log = append(s.Log, text)
			s.Times = append(s.Times, ctx.Now().UnixMilli())
			s.Draws = append(s.Draws, ctx.Rand().Uint64())
			return true, nil
		})).
		With(actor.WriteFunc("fail", func(_ *actor.Context, s *choreState, text string) (bool, error) {
			tries++
			s.Log = append(s.Log, text)
			return false, actor.Errorf("never", "never works")
		})).
		With(actor.WriteFunc("snooze", func(ctx *actor.Context, s *choreState, text string) (bool, error) {
			s.Log = append(s.Log, text)
			if len(s.Log) < 3 {
				return true, ctx.SetAlarm("snooze", actor.Alarm{After: time.Second, Method: "snooze", Request: text})
			}
			return true, nil
		})).
		With(actor.WriteFunc("bump", func(ctx *actor.Context, s *choreState, other string) (int64, error) {
			s.Runs++
			return actor.Call[int64](ctx, counter(other), "add", 1)
		})).
		With(actor.WriteFunc("send", func(ctx *actor.Context, s *choreState, o order) (int, error) {
			for i := range max(o.Count, 1) {
				text := o.Text
				if o.Count > 0 {
					text = fmt.Sprintf("%s%d", o.Text, s.Runs*o.Count+i)
				}
				if o.Method == "" {
					o.Method = "ring"
				}
				if err := actor.Send(ctx, chore(o.To), o.Method, text); err != nil {
					return 0, err
				}
			}
			s.Runs++
			if o.Fail {
				return 0, actor.Errorf("told", "told to fail")
			}
			return s.Runs, nil
		})).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
			return *s, nil
		})).
		With(actor.ReadFunc("send_in_read", func(ctx *actor.Context, _ *choreState, _ struct{}) (bool, error) {
			return true, actor.Send(ctx, chore("x"), "ring", "")
		}))
}

func chore(id string) api.ActorID { return api.ActorID{Namespace: "chore", ID: id} }

func simulateChores(t *testing.T, seeds int, f func(c *cluster)) {
	t.Helper()
	simulate(t, seeds, func(c *cluster) {
		c.kinds = append(slices.Clone(c.kinds), chores)
		f(c)
	})
}

func (c *cluster) do(id api.ActorID, method string, request, reply any) {
	c.Helper()
	if err := c.call(c.any(), time.Minute, id, method, request, reply); err != nil {
		c.Fatalf("%s %s: %v", id, method, err)
	}
}

// any is a node that is up.
func (c *cluster) any() string {
	for i := range 9 {
		if id := fmt.Sprintf("n%d", i+1); c.nodes[id] != nil {
			return id
		}
	}
	c.Fatal("no node is up")
	return ""
}

func (c *cluster) logOf(id string) choreState {
	c.Helper()
	var s choreState
	c.do(chore(id), "log", struct{}{}, &s)
	return s
}

// dueEntries reads the whole list of what is due.
func (c *cluster) dueEntries() (out []registry.DueEntry) {
	c.Helper()
	r := registry.New(c.env, c.store.Store)
	for shard := range registry.DueShards {
		entries, _, err := r.Due(c.ctx, shard, registry.DueEntry{}, 10_000)
		if err != nil {
			c.Fatal(err)
		}
		out = append(out, entries...)
	}
	return out
}

func (c *cluster) letters() []api.DeadLetterRow {
	c.Helper()
	reply, err := admin[api.DeadLettersRequest, api.DeadLettersReply](c, c.any(), api.MethodDeadLetters,
		&api.DeadLettersRequest{})
	if err != nil {
		c.Fatal(err)
	}
	return reply.Letters
}

func TestAnAlarmRunsOnTimeAndOnce(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(2)
		set := c.env.Now()
		c.do(chore("a"), "set", order{Name: "tea", After: 4 * time.Minute, Text: "tea"}, nil)
		c.sleep(4*time.Minute - time.Second)
		if s := c.logOf("a"); len(s.Log) != 0 {
			c.Fatalf("early: %+v", s)
		}
		c.sleep(1200 * time.Millisecond)
		s := c.logOf("a")
		if !slices.Equal(s.Log, []string{"tea"}) {
			c.Fatalf("%+v", s)
		}
		if late := s.Times[0] - set.Add(4*time.Minute).UnixMilli(); late < 0 || late > 100 {
			c.Fatalf("Now is %d ms behind the time that was set", late)
		}
		c.sleep(time.Minute)
		if s := c.logOf("a"); len(s.Log) != 1 {
			c.Fatalf("%+v", s)
		}
		if due := c.dueEntries(); len(due) != 0 {
			c.Fatalf("left: %+v", due)
		}
	})
}

func TestAnAlarmOutlivesItsNode(t *testing.T) {
	simulateChores(t, 12, func(c *cluster) {
		c.startAll(3)
		for i := range 20 {
			c.do(chore(fmt.Sprint(i)), "set", order{Name: "tea", After: 20 * time.Second, Text: "tea"}, nil)
		}
		c.sleep(time.Duration(c.env.Rand("crash").Int64N(int64(30 * time.Second))))
		c.crash("n2")
		c.sleep(30*time.Second + leaseTTL + 5*heartbeat)
		var draws []uint64
		for i := range 20 {
			s := c.logOf(fmt.Sprint(i))
			if len(s.Log) != 1 {
				c.Fatalf("actor %d: %+v", i, s)
			}
			draws = append(draws, s.Draws...)
		}
		if slices.Sort(draws); len(slices.Compact(draws)) != 20 {
			c.Fatal("two actors drew the same")
		}
	})
}

func TestAnAlarmOfAnIdleActorWakesIt(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.kinds = append(slices.Clone(c.kinds[:len(c.kinds)-1]), newChores("chore").WithIdleTimeout(5*time.Second))
		c.startAll(3)
		for i := range 10 {
			c.do(chore(fmt.Sprint(i)), "set", order{Name: "tea", After: time.Hour, Text: "tea"}, nil)
		}
		c.sleep(time.Minute)
		for i := range 10 {
			if row := c.owner("n1", chore(fmt.Sprint(i))); row.State != "released" {
				c.Fatalf("%+v", row)
			}
		}
		c.sleep(time.Hour - time.Minute + time.Second)
		for i := range 10 {
			if row := c.owner("n1", chore(fmt.Sprint(i))); row.State != "owned" || row.Token < 2 {
				c.Fatalf("not awake a second after its time: %+v", row)
			}
			if s := c.logOf(fmt.Sprint(i)); len(s.Log) != 1 {
				c.Fatalf("%+v", s)
			}
		}
	})
}

func TestAlarmsAreReplacedCancelledAndRolledBack(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		a := chore("a")
		c.do(a, "set", order{Name: "one", After: 10 * time.Second, Text: "old"}, nil)
		c.do(a, "set", order{Name: "one", After: 20 * time.Second, Text: "new"}, nil)
		c.do(a, "set", order{Name: "two", After: 10 * time.Second, Text: "two"}, nil)
		wantCode(c, c.call("n1", time.Minute, a, "set",
			order{Name: "three", After: 10 * time.Second, Text: "three", Fail: true}, nil), api.CodeApplication)
		var was bool
		if c.do(a, "cancel", "two", &was); !was {
			c.Fatal("there was no alarm")
		}
		if c.do(a, "cancel", "two", &was); was {
			c.Fatal("there still was an alarm")
		}
		var names []string
		if c.do(a, "alarms", struct{}{}, &names); !slices.Equal(names, []string{"one ring 0"}) {
			c.Fatal(names)
		}
		c.sleep(15 * time.Second)
		if s := c.logOf("a"); len(s.Log) != 0 {
			c.Fatalf("%+v", s)
		}
		c.sleep(10 * time.Second)
		if s := c.logOf("a"); !slices.Equal(s.Log, []string{"new"}) {
			c.Fatalf("%+v", s)
		}
	})
}

func TestADestroyedActorHasNoAlarms(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "one", After: 10 * time.Second, Text: "x"}, nil)
		c.do(chore("a"), api.MethodDestroy, struct{}{}, nil)
		if due := c.dueEntries(); len(due) != 0 {
			c.Fatalf("%+v", due)
		}
		c.sleep(time.Minute)
		if s := c.logOf("a"); len(s.Log) != 0 {
			c.Fatalf("%+v", s)
		}
	})
}

func TestAlarmsThatRepeat(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		began := c.env.Now()
		c.do(chore("every"), "set", order{Name: "e", Every: 10 * time.Second, Text: "e"}, nil)
		c.do(chore("cron"), "set", order{Name: "c", Cron: "*/2 * * * *", Text: "c"}, nil)
		c.sleep(time.Minute + time.Second)
		if s := c.logOf("every"); len(s.Log) != 6 || !spaced(s.Times, 10_000) {
			c.Fatalf("%+v", s)
		}
		c.sleep(9 * time.Minute)
		s := c.logOf("cron")
		if len(s.Log) != 5 || !spaced(s.Times, 120_000) || s.Times[0]%120_000 != 0 || s.Times[0] < began.UnixMilli() {
			c.Fatalf("%+v", s)
		}
	})
}

func spaced(times []int64, by int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] != by {
			return false
		}
	}
	return true
}

func TestARepeatingAlarmThatIsLateRunsOnce(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "e", Every: 10 * time.Second, Text: "e"}, nil)
		c.crash("n1")
		c.crash("n2")
		c.sleep(5 * time.Minute)
		c.start("n1")
		c.sleep(9 * time.Second)
		s := c.logOf("a")
		if len(s.Log) < 1 || len(s.Log) > 2 || s.Times[0]%10_000 != s.Times[len(s.Times)-1]%10_000 {
			c.Fatalf("%+v", s)
		}
	})
}

func TestAnAlarmSetsItselfAnew(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "snooze", After: time.Second, Method: "snooze", Text: "z"}, nil)
		c.sleep(10 * time.Second)
		if s := c.logOf("a"); len(s.Log) != 3 {
			c.Fatalf("%+v", s)
		}
	})
}

func TestAnAlarmMayCallOthers(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		for i := range 3 {
			c.do(chore("a"), "set", order{Name: fmt.Sprint("bump", i), After: time.Second, Method: "bump", Text: "a"},
				nil)
		}
		c.sleep(10 * time.Second)
		if n := c.get("n1", counter("a")); n != 3 {
			c.Fatalf("%d, want 3", n)
		}
	})
}

func TestWhatIsDueIsCaughtUpUnderTheRate(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		const actors = 1500
		c.startAll(1)
		var group = env.NewGroup(c.env, c.ctx)
		for i := range actors {
			group.Go("set", func(context.Context) {
				c.do(chore(fmt.Sprint(i)), "set", order{Name: "tea", After: 30 * time.Second, Text: "tea"}, nil)
			})
		}
		_ = group.Wait(c.ctx)
		c.crash("n1")
		c.sleep(time.Minute)
		began := c.env.Monotonic()
		var at []time.Duration
		claims := 0
		c.store.commit = func(_ string, commit func() error) error {
			err := commit()
			claims++
			at = append(at, c.env.Monotonic()-began)
			return err
		}
		c.start("n1")
		c.sleep(20 * time.Second)
		c.store.commit = nil
		for i := range actors {
			if s := c.logOf(fmt.Sprint(i)); len(s.Log) != 1 {
				c.Fatalf("actor %d: %+v", i, s)
			}
		}
		// Each is claimed and commits: after half a second at most 500 of them.
		if n := len(slices.DeleteFunc(at, func(d time.Duration) bool { return d > 500*time.Millisecond })); n > 2*600 {
			c.Fatalf("%d commits in half a second", n)
		}
	})
}

func TestAnAlarmThatFailsGoesToTheDeadLettersAndBack(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		tries = 0
		c.do(chore("a"), "set", order{Name: "bad", After: time.Second, Method: "fail", Text: "x"}, nil)
		c.do(chore("a"), "set", order{Name: "again", Every: 10 * time.Minute, Method: "fail", Text: "x"}, nil)
		c.sleep(5 * time.Minute)
		if tries != 10 {
			c.Fatalf("tried %d times", tries)
		}
		letters := c.letters()
		if len(letters) != 1 {
			c.Fatalf("%+v", letters)
		}
		l := letters[0]
		if l.Actor != "chore/a" || l.Kind != "alarm" || l.Alarm != "bad" || l.Method != "fail" || l.Attempts != 10 ||
			l.Code != "application:never" || l.Error != "never works" {
			c.Fatalf("%+v", l)
		}
		c.sleep(10 * time.Minute)
		var alarms []string
		if c.do(chore("a"), "alarms", struct{}{}, &alarms); len(alarms) != 1 || len(c.letters()) != 2 {
			c.Fatalf("%v %+v", alarms, c.letters())
		}
		tries = 0
		if _, err := admin[api.DeadLetterRequest, api.DeadLetterReply](c, "n1", api.MethodDeadLetterRetry,
			&api.DeadLetterRequest{Letter: l.Letter}); err != nil {
			c.Fatal(err)
		}
		c.sleep(500 * time.Millisecond)
		if tries != 1 || len(c.letters()) != 1 {
			c.Fatalf("tried %d times; %+v", tries, c.letters())
		}
		other := c.letters()[0].Letter
		if _, err := admin[api.DeadLetterRequest, api.DeadLetterReply](c, "n2", api.MethodDeadLetterRm,
			&api.DeadLetterRequest{Letter: other}); err != nil {
			c.Fatal(err)
		}
		_, err := admin[api.DeadLetterRequest, api.DeadLetterReply](c, "n2", api.MethodDeadLetterRetry,
			&api.DeadLetterRequest{Letter: other})
		wantCode(c, err, api.CodeNotFound)
		if letters := c.letters(); len(letters) != 0 {
			c.Fatalf("%+v", letters)
		}
	})
}

func TestADestroyedActorHasNoDeadLetters(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(2)
		for _, id := range []string{"a", "b"} {
			for _, name := range []string{"one", "two"} {
				c.do(chore(id), "set", order{Name: name, After: time.Second, Method: "fail", Text: "x"}, nil)
			}
		}
		c.sleep(5 * time.Minute)
		if letters := c.letters(); len(letters) != 4 {
			c.Fatalf("%+v", letters)
		}
		c.do(chore("a"), api.MethodDestroy, struct{}{}, nil)
		if l := c.letters(); len(l) != 2 || l[0].Actor != "chore/b" || l[1].Actor != "chore/b" {
			c.Fatalf("%+v", l)
		}
		c.do(chore("a"), "set", order{Name: "one", After: time.Second, Method: "fail", Text: "x"}, nil)
		c.sleep(5 * time.Minute)
		if letters := c.letters(); len(letters) != 3 {
			c.Fatalf("%+v", letters)
		}
	})
}

func TestLimitsOfWhatIsDoneLater(t *testing.T) {
	simulateChores(t, 1, func(c *cluster) {
		c.startAll(1)
		for i := range 100 {
			c.do(chore("a"), "set", order{Name: fmt.Sprint(i), After: time.Hour, Text: "x"}, nil)
		}
		wantCode(c, c.call("n1", time.Minute, chore("a"), "set", order{Name: "x", After: time.Hour}, nil),
			api.CodeTooLarge)
		c.do(chore("a"), "set", order{Name: "7", After: 2 * time.Hour}, nil)
		wantCode(c, c.call("n1", time.Minute, chore("a"), "set", order{Name: "x"}, nil), api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, chore("a"), "set", order{Name: "x", After: 1, Method: "log"}, nil),
			api.CodeInvalidArgument)
		wantCode(c, c.call("n1", time.Minute, chore("b"), "send", order{To: "c", Text: "x", Count: 1001}, nil),
			api.CodeTooLarge)
		c.do(chore("b"), "send", order{To: "c", Text: "x", Count: 1000}, nil)
		c.sleep(10 * time.Second)
		if s := c.logOf("c"); len(s.Log) != 1000 {
			c.Fatalf("%d arrived", len(s.Log))
		}
	})
}

// A node that has nothing to do for its actors reads none of the list of what is due.
func TestNobodyReadsWhatIsDueWithoutNeed(t *testing.T) {
	simulateChores(t, 2, func(c *cluster) {
		c.startAll(3)
		c.do(chore("a"), "set", order{Name: "x", After: time.Hour, Text: "x"}, nil)
		c.sleep(20 * time.Second)
		before, batches := c.store.dueReads, c.store.batches()
		c.sleep(30 * heartbeat)
		if before == 0 || c.store.dueReads != before || *batches != 0 {
			c.Fatalf("%d reads after %d, %d batches", c.store.dueReads, before, *batches)
		}
	})
}

// TestAlarmThatAnotherOneCancelsDoesNotRun shows that an alarm does not run which was due with another one that has
// cancelled it.
func TestAlarmThatAnotherOneCancelsDoesNotRun(t *testing.T) {
	simulateChores(t, 3, func(c *cluster) {
		c.startAll(2)
		c.do(chore("a"), "set", order{Name: "a", After: time.Second, Method: "cancel", Text: "b"}, nil)
		c.do(chore("a"), "set", order{Name: "b", After: 2 * time.Second, Text: "rang"}, nil)
		c.crash(c.owner(c.any(), chore("a")).Node)
		c.sleep(3 * leaseTTL) // another node finds both due
		if log := c.logOf("a").Log; len(log) != 0 {
			c.Errorf("an alarm has run that was cancelled: %q", log)
		}
		var left []string
		if c.do(chore("a"), "alarms", struct{}{}, &left); len(left) != 0 {
			c.Errorf("alarms are left: %q", left)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

// counters are actors that are right.
func counters() actor.Kind {
	return actor.New[int]("counter").
		With(actor.WriteFunc("add", func(_ *actor.Context, n *int, by int) (int, error) {
			if by < 0 {
				return 0, actor.Errorf("negative", "%d", by)
			}
			*n += by
			return *n, nil
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, n *int, _ struct{}) (int, error) { return *n, nil }))
}

var one = actor.ID{Namespace: "counter", ID: "1"}

// counting adds to a counter by add, which returns once it has.
func counting(add func(c *sim.Client)) simtest.Config {
	return simtest.Config{Seeds: 12, Clients: 3, Calls: 30, Program: func() sim.Program {
		added := 0
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{counters()} },
			Client: func(c *sim.Client) {
				for c.More() {
					add(c)
					added++
				}
			},
			Check: func(c *sim.Client) {
				var n int
				if err := c.Surely(one, "get", nil, &n); err != nil || n != added {
					c.Errorf("the counter is at %d (%v), after %d were added", n, err, added)
				}
			},
		}
	}}
}

// surely leaves retries to the simulator's client, which gives the call a key.
func surely(c *sim.Client) {
	if err := c.Surely(one, "add", 1, nil); err != nil {
		c.Errorf("add has no error of its own: %v", err)
	}
}

// again tries again by itself, without a key: what was unknown may have happened.
func again(c *sim.Client) {
	for c.CallWithin(time.Second, one, "add", 1, nil) != nil {
		c.Pause(50 * time.Millisecond)
	}
}

// againWithKey is how to do that right.
func againWithKey(c *sim.Client) {
	key := client.WithIdempotencyKey(c.Unique())
	for c.CallWithin(time.Second, one, "add", 1, nil, key) != nil {
		c.Pause(50 * time.Millisecond)
	}
}

func TestRun(t *testing.T) {
	t.Run("surely", func(t *testing.T) { simtest.Run(t, counting(surely)) })
	t.Run("key", func(t *testing.T) { simtest.Run(t, counting(againWithKey)) })
}

// TestRetryWithoutKey shows that a caller's mistake is found: a call whose outcome is unknown is made again.
func TestRetryWithoutKey(t *testing.T) {
	f := found(t, counting(again))
	if small := f.Shrink(); small.Result.OK > f.Result.OK || len(small.Violations) == 0 {
		t.Errorf("%d calls, shrunk from %d: %v", small.Result.OK, f.Result.OK, small)
	}
}

// TestAnswers shows what calls return, in a world in which nothing fails.
func TestAnswers(t *testing.T) {
	c := simtest.Config{Seeds: 1, Nodes: 2, Clients: 1, Calls: 1, Faults: []string{}, For: time.Second,
		Program: func() sim.Program {
			return sim.Program{Kinds: func() []actor.Kind { return []actor.Kind{counters()} }, Client: answers}
		}}
	simtest.Run(t, c)
}

func answers(c *sim.Client) {
	n := 5
	if err := c.Call(one, "add", &n, &n); err != nil || n != 5 {
		c.Errorf("add: %d, %v", n, err)
	}
	if err := c.Surely(one, "add", -1, nil); err == nil || sim.Unknown(err) {
		c.Errorf("an error of the actor's: %v", err)
	}
	if err := c.Surely(one, "sub", 1, nil); err == nil || sim.Unknown(err) {
		c.Errorf("a method that is not there: %v", err)
	}
	if err := c.CallWithin(0, one, "add", 1, nil); !sim.Unknown(err) {
		c.Errorf("a call without time: %v", err)
	}
}

// TestReport shows what a person gets to see of a failure, and how the environment chooses seeds.
func TestReport(t *testing.T) {
	wrong := func() sim.Program {
		return sim.Program{
			Kinds:  func() []actor.Kind { return []actor.Kind{counters()} },
			Client: func(c *sim.Client) { _ = c.Surely(one, "add", 1, nil) },
			Check:  func(c *sim.Client) { c.Errorf("all is lost") },
		}
	}
	fails := simtest.Config{Seeds: 3, Profile: "smoke", Program: wrong}
	wantText(t, report(t, fails), "seed 1 breaks a promise", "program: all is lost", "smallest run", "what happens:\n",
		"add(1) on counter/1 = 1", "KELPIE_SIM_SEED=1 go test -run '^TestReport$' "+
			"github.com/kelpiehq/kelpie/pkg/sim/simtest")
	t.Setenv("KELPIE_SIM_SEEDS", "1")
	wantText(t, report(t, simtest.Config{Seeds: 1000, Profile: "smoke", Program: counting(surely).Program}), "")
	t.Setenv("KELPIE_SIM_SEED", "17")
	wantText(t, report(t, fails), "seed 17 breaks a promise", "all that happens:\n", "smallest run")
	wantText(t, report(t, simtest.Config{Profile: "smoke", Program: counting(surely).Program}),
		"seed 17 holds all promises", "counter/1")
	t.Setenv("KELPIE_SIM_SEED", "x")
	wantText(t, report(t, fails), "KELPIE_SIM_SEED")
}

// TestUnsteady shows that a program that follows from more than its seed is told from others.
func TestUnsteady(t *testing.T) {
	var runs atomic.Int64 // outlives a run, as nothing in a program should
	f := found(t, simtest.Config{Seeds: 1, Profile: "smoke", Program: func() sim.Program {
		run := runs.Add(1)
		p := counting(surely).Program()
		p.Check = func(c *sim.Client) { c.Errorf("run %d", run) }
		return p
	}})
	if !f.Unsteady || !strings.Contains(f.String(), "more than its seed") || f.Shrink() != f {
		t.Errorf("taken for steady: %v", f)
	}
}

// TestPanic shows that a client that panics is a failure, not the end of the test.
func TestPanic(t *testing.T) {
	p := counting(surely).Program()
	p.Client = func(*sim.Client) { panic("no") }
	f := found(t, simtest.Config{Seeds: 1, Profile: "smoke", Program: func() sim.Program { return p }})
	if f.Violations[0].Checker != "panic" {
		t.Error(f)
	}
}

// TestWrongConfig shows what makes no run.
func TestWrongConfig(t *testing.T) {
	fine := counting(surely).Program
	for _, c := range []struct {
		config simtest.Config
		says   string
	}{
		{simtest.Config{}, "Program is required"},
		{simtest.Config{Program: func() sim.Program { return sim.Program{} }}, "needs Kinds and Client"},
		{simtest.Config{Program: fine, Seeds: -1}, "-1 seeds"},
		{simtest.Config{Program: fine, Faults: []string{"fire"}}, "fire"},
		{simtest.Config{Program: fine, Profile: "mild"}, "mild"},
	} {
		if _, err := simtest.Explore(c.config); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, which does not say %q", err, c.says)
		}
	}
}

func found(t *testing.T, c simtest.Config) *simtest.Failure {
	t.Helper()
	f, err := simtest.Explore(c)
	if err != nil || f == nil {
		t.Fatalf("nothing found: %v", err)
	}
	return f
}

// recorder is a test that says what was said to it.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Logf(format string, args ...any) { r.Errorf(format, args...) }
func (r *recorder) Fatal(args ...any)               { panic(fatal(fmt.Sprint(args...))) }

type fatal string

// report returns all that Run says.
func report(t *testing.T, c simtest.Config) (said string) {
	r := &recorder{TB: t}
	defer func() {
		switch end := recover().(type) {
		case nil:
		case fatal:
			said = string(end)
		default:
			panic(end)
		}
	}()
	simtest.Run(r, c)
	return strings.Join(r.said, "\n")
}

func wantText(t *testing.T, got string, parts ...string) {
	t.Helper()
	if slices.Equal(parts, []string{""}) && got != "" {
		t.Errorf("said, though all is well: %s", got)
	}
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("does not say %q:\n%s", part, got)
		}
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/env/envtest"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

// config returns a run of a number of calls to a target.
func config(t *testing.T, mix string, calls int, target bench.Target) bench.Config {
	t.Helper()
	m, err := bench.ParseMix(mix)
	if err != nil {
		t.Fatal(err)
	}
	return bench.Config{Target: target, Namespace: "n", Actors: 5, Mix: m, Callers: 3, Calls: calls,
		Timeout: time.Minute}
}

func run(t *testing.T, c bench.Config) *bench.Result {
	t.Helper()
	r, err := bench.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRunCountsWhatItCalls shows that a run makes the calls that it was asked for, and those of the probe, of the
// actors and methods that it was told of, and counts them.
func TestRunCountsWhatItCalls(t *testing.T) {
	for _, rate := range []int{0, 100_000} {
		var mu sync.Mutex
		methods, actors := make(map[string]int64), make(map[string]bool)
		c := config(t, "a=90,b=10", 2000, func(_ context.Context, id api.ActorID, method string, request []byte) error {
			mu.Lock()
			defer mu.Unlock()
			methods[method]++
			actors[id.String()] = true
			if string(request) != method {
				t.Errorf("%s is called with %q", method, request)
			}
			return nil
		})
		c.Rate = rate
		for i := range c.Mix {
			c.Mix[i].Request = []byte(c.Mix[i].Method)
		}
		r := run(t, c)
		if r.All.Answered != 2000 || r.All.Failed != 0 || r.Interrupted || r.Unsent != 0 || len(r.Errors) != 0 {
			t.Errorf("rate %d: %+v", rate, r)
		}
		for _, m := range r.Methods {
			if m.Answered != methods[m.Method]-1 { // but for the probe
				t.Errorf("%d calls of %s are counted, %d were made", m.Answered, m.Method, methods[m.Method]-1)
			}
		}
		// 1800 are expected, with a deviation of 13.
		if a := r.Methods[0]; a.Answered < 1600 || a.Answered > 1950 {
			t.Errorf("%d of 2000 calls are of a method of 90%%", a.Answered)
		}
		if len(actors) != 5 || !actors["n/bench-0"] || !actors["n/bench-4"] {
			t.Errorf("called %v", actors)
		}
	}
}

// TestFailuresAreCountedByCode shows that calls that fail are counted apart, and that their latencies are not.
func TestFailuresAreCountedByCode(t *testing.T) {
	var calls atomic.Int64
	r := run(t, config(t, "m", 90, func(context.Context, api.ActorID, string, []byte) error {
		switch n := calls.Add(1) - 1; { // the first is the probe
		case n == 0:
			return nil
		case n%3 == 0:
			return api.Errorf(api.CodeUnavailable, "gone")
		case n%9 == 1:
			return errors.New("what")
		}
		return nil
	}))
	if r.All.Answered != 50 || r.All.Failed != 40 || r.Methods[0].Failed != 40 {
		t.Errorf("%+v", r.All)
	}
	if e := r.Errors; len(e) != 2 || e[0].Code != api.CodeUnavailable || e[0].Count != 30 || e[1].Count != 10 ||
		e[1].Example.Error() != "what" {
		t.Errorf("%+v", r.Errors)
	}
}

// TestWhatCanNotBeCalledIsAnError shows that a run ends at once if a method of its mix fails.
func TestWhatCanNotBeCalledIsAnError(t *testing.T) {
	calls := 0
	_, err := bench.Run(t.Context(),
		config(t, "a,b,c", 90, func(_ context.Context, _ api.ActorID, method string, _ []byte) error {
			calls++
			if method == "b" {
				return api.Errorf(api.CodeUnknownMethod, "no b")
			}
			return nil
		}))
	if api.CodeOf(err) != api.CodeUnknownMethod || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestAStallIsChargedForAllThatItHeldUp shows that in an open loop the latency of a call counts from when it was due:
// one call that takes long delays all those behind it, by less and less.
func TestAStallIsChargedForAllThatItHeldUp(t *testing.T) {
	const stall = 100 * time.Millisecond
	var calls atomic.Int64
	c := config(t, "m", 100, func(context.Context, api.ActorID, string, []byte) error {
		if calls.Add(1) == 2 { // the first after the probe
			time.Sleep(stall)
		}
		return nil
	})
	c.Callers, c.Rate = 1, 1000
	r := run(t, c)
	// The nth call is due after n ms, and can't be answered before the stall is over.
	if l := r.All.Latency; r.All.Answered != 100 || l.Max < 99*time.Millisecond || l.P50 < 49*time.Millisecond {
		t.Errorf("%+v", r.All)
	}
}

// TestWhatWasDueAndNotBegunIsSaid shows that an open loop whose callers are all busy says so.
func TestWhatWasDueAndNotBegunIsSaid(t *testing.T) {
	var calls atomic.Int64
	c := config(t, "m", 0, func(ctx context.Context, _ api.ActorID, _ string, _ []byte) error {
		if calls.Add(1) > 1 {
			time.Sleep(60 * time.Millisecond)
		}
		return nil
	})
	c.Callers, c.Rate, c.Duration = 1, 1000, 50*time.Millisecond
	r := run(t, c)
	if r.All.Answered+r.Unsent != 50 || r.Unsent < 49 || r.Elapsed != c.Duration {
		t.Errorf("%d answered, %d unsent, in %v", r.All.Answered, r.Unsent, r.Elapsed)
	}
	if r.All.PerSecond != 0 {
		t.Errorf("%v calls a second were answered in time, though none was", r.All.PerSecond)
	}
}

// TestTheEndOfTheContextEndsARun shows that a run that is interrupted returns what it has, and leaves nothing running.
func TestTheEndOfTheContextEndsARun(t *testing.T) {
	for _, rate := range []int{0, 1, 100_000} {
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int64
		c := config(t, "m", 0, func(ctx context.Context, _ api.ActorID, _ string, _ []byte) error {
			if calls.Add(1) > 2 || rate == 1 && calls.Load() > 1 {
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		c.Rate, c.Duration = rate, time.Hour
		r, err := bench.Run(ctx, c)
		if err != nil || !r.Interrupted || r.All.Failed != 0 || r.All.Answered > 1 {
			t.Errorf("rate %d: %+v, %v", rate, r, err)
		}
		cancel()
	}
}

// TestAnInterruptedWarmUpHasMeasuredNothing shows what is returned of a run that did not get to its calls.
func TestAnInterruptedWarmUpHasMeasuredNothing(t *testing.T) {
	for _, after := range []int64{0, 1} { // in the probe, in the warm-up
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int64
		c := config(t, "m", 10, func(ctx context.Context, _ api.ActorID, _ string, _ []byte) error {
			if calls.Add(1) > after {
				cancel()
			}
			return ctx.Err()
		})
		c.WarmUp = time.Hour
		r, err := bench.Run(ctx, c)
		if err != nil || !r.Interrupted || r.All.Answered != 0 || r.Elapsed != 0 || len(r.Methods) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		cancel()
	}
}

// TestProgress shows that a run under way says what it has measured.
func TestProgress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := config(t, "m", 0, func(context.Context, api.ActorID, string, []byte) error { return nil })
	c.Callers, c.Duration = 1, time.Hour
	var told bench.Progress
	c.Each = func(p bench.Progress) { told = p; cancel() }
	r, err := bench.Run(ctx, c)
	if err != nil || told.Answered == 0 || told.Answered > r.All.Answered || told.PerSecond <= 0 || told.WarmingUp ||
		told.Elapsed > r.Elapsed {
		t.Errorf("told %+v of %+v, %v", told, r, err)
	}
}

// TestValidate shows what is refused, by the names of flags.
func TestValidate(t *testing.T) {
	for says, change := range map[string]func(c *bench.Config){
		"namespace":            func(c *bench.Config) { c.Namespace = "a/b" },
		"--mix":                func(c *bench.Config) { c.Mix = nil },
		"--callers 0":          func(c *bench.Config) { c.Callers = 0 },
		"--callers 10001":      func(c *bench.Config) { c.Callers = bench.CallersMax + 1 },
		"--actors 10000001":    func(c *bench.Config) { c.Actors = bench.ActorsMax + 1 },
		"--rate -1":            func(c *bench.Config) { c.Rate = -1 },
		"--warm-up -1ns":       func(c *bench.Config) { c.WarmUp = -1 },
		"--calls -1":           func(c *bench.Config) { c.Calls = -1 },
		"--duration 0s":        func(c *bench.Config) { c.Calls = 0 },
		"--timeout 0s":         func(c *bench.Config) { c.Timeout = 0 },
		"--timeout 1h0m0.001s": func(c *bench.Config) { c.Timeout = time.Hour + time.Millisecond },
	} {
		c := config(t, "m", 1, nil)
		change(&c)
		if _, err := bench.Run(t.Context(), c); api.CodeOf(err) != api.CodeInvalidArgument ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

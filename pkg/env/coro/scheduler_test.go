// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

var background = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// run runs main under a seed and wants it to succeed.
func run(t *testing.T, seed uint64, main func(s *coro.Scheduler)) *coro.Scheduler {
	t.Helper()
	s := coro.New(coro.Options{Seed: seed, StepsMax: 1_000_000})
	must(t, s.Run(func() { main(s) }))
	return s
}

// program has a bit of everything, and returns in which order things happened.
func program(s *coro.Scheduler) string {
	var order strings.Builder
	main := s.Machine(coro.MainMachine)
	q := env.NewQueue[int](main, 2)
	m := env.NewMutex(main)
	group := env.NewGroup(main, background)
	defer group.Stop()
	for i := range 4 {
		e := s.Machine(fmt.Sprintf("m%d", i))
		rnd := e.Rand("sleeps")
		group.Go("worker", func(ctx context.Context) {
			for range 5 {
				_ = env.Sleep(e, ctx, time.Duration(rnd.IntN(3))*time.Millisecond)
				_ = m.Lock(ctx)
				_ = q.Push(ctx, i)
				m.Unlock()
			}
		})
	}
	doomed := s.Machine("doomed")
	doomed.Go("ticker", func() {
		for env.Sleep(doomed, background, time.Millisecond) == nil {
			order.WriteByte('t')
		}
	})
	main.AfterFunc(3*time.Millisecond, doomed.Kill)
	main.AfterFunc(2*time.Millisecond, func() { s.Machine("m1").Pause(5 * time.Millisecond) })
	for range 20 {
		v, _ := q.Pop(background)
		fmt.Fprint(&order, v)
	}
	return order.String()
}

func TestSameSeedSameTrace(t *testing.T) {
	type result struct {
		order   string
		hash    uint64
		steps   uint64
		elapsed time.Duration
	}
	once := func(seed uint64) (r result) {
		s := run(t, seed, func(s *coro.Scheduler) { r.order = program(s) })
		r.hash, r.steps, r.elapsed = s.TraceHash(), s.Steps(), s.Elapsed()
		return r
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for seed := range uint64(50) {
		runtime.GOMAXPROCS(1)
		first := once(seed)
		equal(t, "again", once(seed), first)
		runtime.GOMAXPROCS(2)
		equal(t, "on two processors", once(seed), first)
	}
}

func TestSeedsGiveDistinctInterleavings(t *testing.T) {
	const seeds = 100
	hashes, orders := make(map[uint64]bool), make(map[string]bool)
	for seed := range uint64(seeds) {
		s := run(t, seed, func(s *coro.Scheduler) { orders[program(s)] = true })
		hashes[s.TraceHash()] = true
	}
	t.Logf("%d traces and %d orders of %d seeds", len(hashes), len(orders), seeds)
	equal(t, "distinct traces", len(hashes), seeds)
	if len(orders) < seeds*9/10 {
		t.Errorf("only %d distinct orders", len(orders))
	}
}

// TestEveryInterleavingIsReached counts what the scheduler makes of three tasks of
// one step each: six orders, all about as often.
func TestEveryInterleavingIsReached(t *testing.T) {
	const seeds = 1200
	counts := make(map[string]int)
	for seed := range uint64(seeds) {
		run(t, seed, func(s *coro.Scheduler) {
			e := s.Machine(coro.MainMachine)
			order := ""
			group := env.NewGroup(e, background)
			defer group.Stop()
			for _, name := range []string{"a", "b", "c"} {
				group.Go(name, func(context.Context) { order += name })
			}
			must(t, group.Wait(background))
			counts[order]++
		})
	}
	equal(t, "orders", len(counts), 6)
	for order, n := range counts {
		if n < seeds/6*7/10 || n > seeds/6*13/10 {
			t.Errorf("%s came %d times of %d", order, n, seeds)
		}
	}
}

func TestTimeJumps(t *testing.T) {
	s := run(t, 1, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		wall := e.Now()
		equal(t, "start", wall, time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
		must(t, env.Sleep(e, background, 1000*time.Hour))
		equal(t, "Monotonic", e.Monotonic(), 1000*time.Hour)
		equal(t, "Now", e.Now(), wall.Add(1000*time.Hour))
	})
	equal(t, "Elapsed", s.Elapsed(), 1000*time.Hour)
}

func TestTimersFireInOrder(t *testing.T) {
	for seed := range uint64(20) {
		run(t, seed, func(s *coro.Scheduler) {
			e := s.Machine(coro.MainMachine)
			var order []string
			at := func(d time.Duration, name string) env.Timer {
				return e.AfterFunc(d, func() { order = append(order, name) })
			}
			at(2, "c")
			at(1, "a")
			stopped := at(1, "stopped")
			at(1, "b")
			at(2, "d")
			at(-5, "now")
			equal(t, "Stop", stopped.Stop(), true)
			equal(t, "before AfterFunc returns", len(order), 0)
			must(t, env.Sleep(e, background, 10))
			equal(t, "order", fmt.Sprint(order), "[now a b c d]")
		})
	}
}

func TestStartOption(t *testing.T) {
	start := time.Date(2030, time.May, 1, 0, 0, 0, 0, time.UTC)
	s := coro.New(coro.Options{Start: start})
	equal(t, "Now", s.Machine("m").Now(), start)
}

// TestRunUnwindsWhatIsLeft checks that deferred calls of what is left behind run.
func TestRunUnwindsWhatIsLeft(t *testing.T) {
	var order []string
	run(t, 1, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		n := s.Machine("n")
		for _, m := range []*coro.Machine{n, e} {
			m.Go("left behind", func() {
				defer func() {
					m.Go("of the dead", func() { t.Error("ran") })
					s.Machine("new").Go("of the end", func() { t.Error("ran") })
					order = append(order, m.Name())
				}()
				_ = m.NewParker().Park(background)
			})
		}
		must(t, env.Sleep(e, background, 1))
		e.Go("never begins", func() { t.Error("ran after the end") })
	})
	equal(t, "unwound", fmt.Sprint(order), "[main n]")
}

func TestRunsOnlyOnce(t *testing.T) {
	s := run(t, 1, func(*coro.Scheduler) {})
	defer func() { equal(t, "panic", recover(), any("coro: a scheduler runs only once")) }()
	_ = s.Run(func() {})
}

func TestSetUpBeforeRun(t *testing.T) {
	s := coro.New(coro.Options{})
	ran := 0
	s.Machine("m").Go("task", func() { ran++ })
	s.Machine("m").AfterFunc(1, func() { ran++ })
	must(t, s.Run(func() { must(t, env.Sleep(s.Machine(coro.MainMachine), background, 2)) }))
	equal(t, "ran", ran, 2)
}

var errTest = errors.New("test error")

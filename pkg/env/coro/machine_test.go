// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

func TestKill(t *testing.T) {
	for seed := range uint64(20) {
		run(t, seed, func(s *coro.Scheduler) {
			main, n := s.Machine(coro.MainMachine), s.Machine("n")
			var unwound []string
			dead := false
			for i := range 3 {
				n.Go("ticker", func() {
					defer func() { unwound = append(unwound, fmt.Sprint(i)) }()
					defer func() {
						// A deferred call that blocks unwinds at once, and those before it still run.
						_ = env.Sleep(n, background, 1)
						t.Error("slept after the kill")
					}()
					for env.Sleep(n, background, time.Millisecond) == nil {
						equal(t, "ran after the kill", dead, false)
					}
				})
			}
			n.AfterFunc(20*time.Millisecond, func() { t.Error("a timer of a killed machine fired") })
			pending := n.AfterFunc(time.Hour, func() {})
			must(t, env.Sleep(main, background, 10*time.Millisecond))
			n.Go("never begins", func() { t.Error("ran after the kill") })
			dead = true
			n.Kill()
			equal(t, "unwound before Kill returns", fmt.Sprint(unwound), "[0 1 2]")
			equal(t, "Killed", n.Killed(), true)
			equal(t, "Stop", pending.Stop(), false)
			n.Kill()
			n.Go("late", func() { t.Error("ran on a killed machine") })
			n.AfterFunc(1, func() { t.Error("a timer made after the kill fired") })
			must(t, env.Sleep(main, background, time.Second))
		})
	}
}

// TestKillFromItself checks that Kill does not return to a task of the machine.
func TestKillFromItself(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		unwound := 0
		n.Go("other", func() {
			defer func() { unwound++ }()
			waitForever(n)
		})
		n.Go("suicide", func() {
			defer func() { unwound++ }()
			must(t, env.Sleep(n, background, 1))
			n.Kill()
			t.Error("went on")
		})
		must(t, env.Sleep(main, background, 2))
		equal(t, "unwound", unwound, 2)
	})
}

func TestKillFromTimer(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		unwound := false
		n.Go("task", func() {
			defer func() { unwound = true }()
			waitForever(n)
		})
		n.AfterFunc(1, n.Kill)
		must(t, env.Sleep(main, background, 2))
		equal(t, "unwound", unwound, true)
	})
}

// TestKillWhileKilling lets a deferred call of one machine kill another, whose
// own kills the first.
func TestKillWhileKilling(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, a, b := s.Machine(coro.MainMachine), s.Machine("a"), s.Machine("b")
		unwound := 0
		for _, pair := range [][2]*coro.Machine{{a, b}, {b, a}} {
			for range 2 {
				pair[0].Go("task", func() {
					defer func() { unwound++ }()
					defer pair[1].Kill()
					waitForever(pair[0])
				})
			}
		}
		must(t, env.Sleep(main, background, 1))
		a.Kill()
		equal(t, "unwound", unwound, 4)
	})
}

// TestKilledCallerOfKill has a task of a machine killed by what it kills: it unwinds
// when it next parks.
func TestKilledCallerOfKill(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, a, b := s.Machine(coro.MainMachine), s.Machine("a"), s.Machine("b")
		unwound := 0
		b.Go("task", func() {
			defer func() { unwound++ }()
			defer a.Kill()
			waitForever(b)
		})
		a.Go("killer", func() {
			defer func() { unwound++ }()
			must(t, env.Sleep(a, background, 1))
			b.Kill()
			waitForever(a)
			t.Error("went on")
		})
		must(t, env.Sleep(main, background, 2))
		equal(t, "unwound", unwound, 2)
	})
}

func TestKilledMainEndsTheRun(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main := s.Machine(coro.MainMachine)
		s.Machine("n").AfterFunc(1, main.Kill)
		waitForever(main)
	})
}

// TestReboot checks what a machine has from the one before it: its clock, and
// nothing else.
func TestReboot(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, before := s.Machine(coro.MainMachine), s.Machine("n")
		equal(t, "the same while it lives", s.Machine("n"), before)
		before.SetWallOffset(time.Hour)
		before.SetDrift(1000)
		must(t, env.Sleep(main, background, 1000*time.Second))
		id := before.Rand("id").Uint64()
		wall := before.Now()
		before.Kill()
		after := s.Machine("n")
		equal(t, "Now", after.Now(), wall)
		equal(t, "Monotonic", after.Monotonic(), 0)
		must(t, env.Sleep(main, background, 1000*time.Second))
		equal(t, "drift", after.Monotonic(), 1001*time.Second)
		equal(t, "other random numbers", after.Rand("id").Uint64() != id, true)
	})
}

func TestRandStreams(t *testing.T) {
	draw := func(seed uint64, concerns ...string) (last uint64) {
		run(t, seed, func(s *coro.Scheduler) {
			for _, concern := range concerns {
				last = s.Machine("n").Rand(concern).Uint64()
			}
		})
		return last
	}
	id := draw(1, "id")
	equal(t, "the same seed", draw(1, "id"), id)
	equal(t, "another concern before it", draw(1, "backoff", "id"), id)
	for _, other := range []uint64{draw(2, "id"), draw(1, "id", "id"), draw(1, "backoff")} {
		equal(t, "differs", other != id, true)
	}
}

// ticks counts on a machine, one tick a millisecond of its clock.
func ticks(m *coro.Machine) *int {
	n := new(int)
	m.Go("ticker", func() {
		for env.Sleep(m, background, time.Millisecond) == nil {
			*n++
		}
	})
	return n
}

func TestPause(t *testing.T) {
	for seed := range uint64(20) {
		run(t, seed, func(s *coro.Scheduler) {
			main, n := s.Machine(coro.MainMachine), s.Machine("n")
			const half = time.Millisecond / 2
			sleep := func(d time.Duration) { must(t, env.Sleep(main, background, d)) }
			var fired time.Duration
			count := ticks(n)
			sleep(10*time.Millisecond + half)
			equal(t, "ticks", *count, 10)

			n.AfterFunc(5*time.Millisecond, func() { fired = n.Monotonic() })
			stopped := n.AfterFunc(5*time.Millisecond, func() { t.Error("a timer that was stopped in a pause fired") })
			n.Go("begun in a pause", func() { equal(t, "runs at", n.Monotonic(), 30*time.Millisecond+half) })
			n.Pause(20 * time.Millisecond)
			n.Pause(time.Millisecond) // within the other
			n.Pause(0)
			sleep(19 * time.Millisecond)
			equal(t, "ticks in the pause", *count, 10)
			equal(t, "its clock goes on", n.Monotonic(), 29*time.Millisecond+half)
			equal(t, "fired in the pause", fired, 0)
			equal(t, "Stop of a timer that is late", stopped.Stop(), true)
			sleep(time.Millisecond + half)
			equal(t, "late timer", fired, 30*time.Millisecond+half)
			sleep(10 * time.Millisecond)
			equal(t, "ticks after", *count, 21)
		})
	}
}

func TestPauseIsExtended(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		count := ticks(n)
		n.Go("never begins", func() { t.Error("ran in the pause or after the kill") })
		n.Pause(10 * time.Millisecond)
		must(t, env.Sleep(main, background, 5*time.Millisecond))
		n.Pause(10 * time.Millisecond)
		must(t, env.Sleep(main, background, 9*time.Millisecond))
		equal(t, "ticks", *count, 0)
		n.Kill()
		n.Pause(time.Hour)
		must(t, env.Sleep(main, background, 9*time.Millisecond))
		equal(t, "ticks of one that was killed in its pause", *count, 0)
	})
}

// TestPauseHoldsWhatIsWoken wakes a task of a paused machine from outside.
func TestPauseHoldsWhatIsWoken(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		q := env.NewQueue[int](main, 0)
		popped := env.NewFuture[time.Duration](main)
		n.Go("popper", func() {
			_, err := q.Pop(background)
			popped.Complete(s.Elapsed(), err)
		})
		must(t, env.Sleep(main, background, time.Second))
		n.Pause(time.Second)
		must(t, q.Push(background, 1))
		at, err := popped.Wait(background)
		must(t, err)
		equal(t, "popped at", at, 2*time.Second)
	})
}

func TestPauseFromItself(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main := s.Machine(coro.MainMachine)
		main.Pause(time.Second)
		equal(t, "goes on until it parks", s.Elapsed(), 0)
		must(t, env.Sleep(main, background, 1))
		equal(t, "then waits", s.Elapsed(), time.Second)
	})
}

func TestWallOffset(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		n := s.Machine(coro.MainMachine)
		wall := n.Now()
		ctx, cancel := env.WithTimeout(n, background, time.Minute)
		defer cancel()
		n.SetWallOffset(-time.Hour)
		equal(t, "Now", n.Now(), wall.Add(-time.Hour))
		equal(t, "Monotonic", n.Monotonic(), 0)
		at, _ := ctx.Deadline()
		equal(t, "Deadline follows", at, n.Now().Add(time.Minute))
		equal(t, "park", n.NewParker().Park(ctx), context.DeadlineExceeded)
		equal(t, "ended at", s.Elapsed(), time.Minute)
	})
}

func TestDrift(t *testing.T) {
	for _, c := range []struct {
		ppm  int64
		want time.Duration // virtual, for a million seconds of the clock
	}{
		{0, 1_000_000 * time.Second},
		{500_000, 666_666_666_666_667 * time.Nanosecond},
		{-500_000, 2_000_000 * time.Second},
		{200, 999_800_039_992_002 * time.Nanosecond},
		{-1, 1_000_001_000_001_000 * time.Nanosecond},
	} {
		run(t, 1, func(s *coro.Scheduler) {
			n := s.Machine(coro.MainMachine)
			n.SetDrift(c.ppm)
			must(t, env.Sleep(n, background, 1_000_000*time.Second))
			if d := s.Elapsed() - c.want; d < -1 || d > 1 {
				t.Errorf("%d ppm: %v of virtual time, want %v", c.ppm, s.Elapsed(), c.want)
			}
			equal(t, "own clock", n.Monotonic(), 1_000_000*time.Second)
		})
	}
}

func TestTimersFollowDrift(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		var fast, other time.Duration
		n.AfterFunc(10*time.Second, func() { fast = s.Elapsed() })
		main.AfterFunc(9*time.Second, func() { other = s.Elapsed() })
		must(t, env.Sleep(main, background, 4*time.Second))
		n.SetDrift(500_000)
		must(t, env.Sleep(main, background, time.Minute))
		equal(t, "fired at", fast, 8*time.Second)
		equal(t, "of another machine", other, 9*time.Second)
		panics(t, "a drift of 500001 ppm", func() { n.SetDrift(500_001) })
	})
}

// TestClockNeverFalls looks at a drifting clock in steps of a nanosecond and of primes.
func TestClockNeverFalls(t *testing.T) {
	for _, ppm := range []int64{-500_000, -999, -1, 1, 333, 500_000} {
		run(t, 1, func(s *coro.Scheduler) {
			main, n := s.Machine(coro.MainMachine), s.Machine("n")
			n.SetDrift(ppm)
			before := n.Monotonic()
			for i := range 500 {
				d := time.Duration(1)
				if i%100 == 0 {
					d = 999_983
				}
				must(t, env.Sleep(main, background, d))
				now := n.Monotonic()
				if now < before {
					t.Fatalf("%d ppm: fell from %d to %d", ppm, before, now)
				}
				before = now
			}
		})
	}
}

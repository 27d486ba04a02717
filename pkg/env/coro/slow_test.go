// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// TestSlow checks when a task of a slow machine runs that is started, sleeps, and is woken from outside.
func TestSlow(t *testing.T) {
	for seed := range uint64(20) {
		run(t, seed, func(s *coro.Scheduler) {
			main, n := s.Machine(coro.MainMachine), s.Machine("n")
			p := main.NewParker()
			var ran []time.Duration
			ended := env.NewEvent(main)
			n.SetSlow(10)
			n.Go("task", func() {
				ran = append(ran, s.Elapsed())
				must(t, env.Sleep(n, background, 5))
				ran = append(ran, s.Elapsed())
				must(t, p.Park(background))
				ran = append(ran, s.Elapsed())
				ended.Set()
			})
			must(t, env.Sleep(main, background, 100)) // main is not slow
			equal(t, "elapsed", s.Elapsed(), 100)
			p.Unpark()
			p.Unpark() // delays no more
			must(t, ended.Wait(background))
			equal(t, "ran at", fmt.Sprint(ran), "[10ns 25ns 110ns]")
		})
	}
}

func TestSlowEnds(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		before, after := env.NewFuture[time.Duration](main), env.NewFuture[time.Duration](main)
		n.SetSlow(time.Second)
		n.Go("before", func() { before.Complete(s.Elapsed(), nil) })
		n.SetSlow(-1)
		n.Go("after", func() { after.Complete(s.Elapsed(), nil) })
		at, err := after.Wait(background)
		must(t, err)
		equal(t, "runs without delay", at, 0)
		at, err = before.Wait(background)
		must(t, err)
		equal(t, "keeps its delay", at, time.Second)
	})
}

// TestSlowIsOnVirtualTime changes the clock of a slow machine.
func TestSlowIsOnVirtualTime(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		ran := env.NewFuture[time.Duration](main)
		n.SetSlow(time.Second)
		n.Go("task", func() { ran.Complete(s.Elapsed(), nil) })
		n.SetDrift(500_000)
		at, err := ran.Wait(background)
		must(t, err)
		equal(t, "ran at", at, time.Second)
	})
}

func TestSlowAndPaused(t *testing.T) {
	for _, c := range []struct{ slow, pause, want time.Duration }{
		{10, 5, 10}, // the delay outlasts the pause
		{10, 10, 10},
		{10, 30, 30},
	} {
		for seed := range uint64(20) {
			run(t, seed, func(s *coro.Scheduler) {
				main, n := s.Machine(coro.MainMachine), s.Machine("n")
				ran := env.NewFuture[time.Duration](main)
				n.SetSlow(c.slow)
				n.Go("task", func() { ran.Complete(s.Elapsed(), nil) })
				n.Pause(c.pause)
				at, err := ran.Wait(background)
				must(t, err)
				equal(t, fmt.Sprintf("slow by %v, paused for %v: ran at", c.slow, c.pause), at, c.want)
			})
		}
	}
}

// TestSlowAndKilled kills a machine whose tasks are delayed: one that never ran, and one that has parked.
func TestSlowAndKilled(t *testing.T) {
	for seed := range uint64(20) {
		run(t, seed, func(s *coro.Scheduler) {
			main, n := s.Machine(coro.MainMachine), s.Machine("n")
			p := main.NewParker()
			unwound := false
			n.Go("parked", func() {
				defer func() { unwound = true }()
				must(t, p.Park(background))
				t.Error("went on")
			})
			must(t, env.Sleep(main, background, 1))
			n.SetSlow(10)
			p.Unpark()
			n.Go("never begins", func() { t.Error("ran after the kill") })
			must(t, env.Sleep(main, background, 5))
			n.Kill()
			n.SetSlow(20) // does nothing
			equal(t, "unwound", unwound, true)
			after := s.Machine("n")
			ran := env.NewEvent(main)
			after.Go("task of the next", ran.Set)
			must(t, ran.Wait(background))
			equal(t, "the next is not slow", s.Elapsed(), 6)
			must(t, env.Sleep(main, background, 100))
		})
	}
}

func TestTasks(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		main, n := s.Machine(coro.MainMachine), s.Machine("n")
		equal(t, "none", len(n.Tasks()), 0)
		p := main.NewParker()
		n.Go("waiter", func() { _ = p.Park(background) })
		main.Go("of another", func() { waitForever(main) })
		for range 3 {
			n.Go("sleeper", func() { must(t, env.Sleep(n, background, time.Hour)) })
		}
		n.Go("ends", func() {})
		equal(t, "started", fmt.Sprint(n.Tasks()), "[waiter sleeper sleeper sleeper ends]")
		must(t, env.Sleep(main, background, 1))
		equal(t, "parked", fmt.Sprint(n.Tasks()), "[waiter sleeper sleeper sleeper]")
		equal(t, "of main", fmt.Sprint(main.Tasks()), "[main of another]")
		p.Unpark()
		must(t, env.Sleep(main, background, 1))
		equal(t, "left", fmt.Sprint(n.Tasks()), "[sleeper sleeper sleeper]")
		n.Kill()
		equal(t, "killed", len(n.Tasks()), 0)
		equal(t, "of the next", len(s.Machine("n").Tasks()), 0)
	})
}

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

// attack is a program of machines that are paused, slowed, killed and set to other clocks at random, whose tasks
// sleep and wake each other. It knows when each of them may run.
type attack struct {
	t    *testing.T
	s    *coro.Scheduler
	rnd  *env.Rand
	all  []*victim
	fate map[string]int // what happened, so that nothing is tested that never happens
}

// victim is a machine, and what the attack knows of it.
type victim struct {
	*coro.Machine
	pausedUntil  time.Duration
	slow         time.Duration
	begun, ended int // tasks
	timers       int // that are to fire
}

// TestAttack runs such programs, each twice.
func TestAttack(t *testing.T) {
	fates := make(map[string]int)
	for seed := range uint64(60) {
		var hashes [2]uint64
		for i := range hashes {
			s := run(t, seed, func(s *coro.Scheduler) {
				a := &attack{t: t, s: s, rnd: s.Machine(coro.MainMachine).Rand("attack"), fate: fates}
				a.run()
			})
			hashes[i] = s.TraceHash()
		}
		equal(t, fmt.Sprintf("trace of seed %d", seed), hashes[1], hashes[0])
	}
	for _, what := range []string{"killed", "paused", "slowed", "drifted", "stopped", "fired late", "woken",
		"unwound"} {
		if fates[what] == 0 {
			t.Errorf("nothing was %s", what)
		}
	}
}

func (a *attack) duration(n int) time.Duration { return time.Duration(a.rnd.IntN(n)) }

func (a *attack) run() {
	main := a.s.Machine(coro.MainMachine)
	for i := range 4 {
		a.all = append(a.all, a.boot(fmt.Sprintf("v%d", i)))
	}
	for range 60 {
		must(a.t, env.Sleep(main, background, 1+a.duration(40)))
		a.strike(a.rnd.IntN(len(a.all)))
	}
	for _, v := range a.all {
		v.slow = 0
		v.SetSlow(0)
	}
	must(a.t, env.Sleep(main, background, time.Minute))
	for _, v := range a.all {
		equal(a.t, "tasks that have not ended", v.begun-v.ended, 0)
		equal(a.t, "as the machine says", len(v.Tasks()), 0)
		equal(a.t, "timers that have not fired", v.timers, 0)
	}
}

func (a *attack) boot(name string) *victim {
	v := &victim{Machine: a.s.Machine(name)}
	a.spawn(v)
	return v
}

// strike does something to a machine.
func (a *attack) strike(i int) {
	v := a.all[i]
	switch a.rnd.IntN(10) {
	case 0:
		v.Kill()
		a.fate["killed"]++
		equal(a.t, "tasks of a killed machine", len(v.Tasks()), 0)
		a.all[i] = a.boot(v.Name())
	case 1, 2:
		d := 1 + a.duration(60)
		v.Pause(d)
		v.pausedUntil = max(v.pausedUntil, a.s.Elapsed()+d)
		a.fate["paused"]++
	case 3, 4:
		v.slow = a.duration(20)
		v.SetSlow(v.slow)
		a.fate["slowed"]++
	case 5:
		v.SetDrift(int64(a.rnd.IntN(1_000_001)) - 500_000)
		a.fate["drifted"]++
	case 6, 7:
		a.timer(v)
	default:
		a.spawn(v)
	}
}

// awake checks that a task of v may run, having become runnable at a time when the machine was slow by that much.
func (a *attack) awake(v *victim, since, slow time.Duration) {
	a.t.Helper()
	now := a.s.Elapsed()
	switch {
	case v.Killed():
		a.t.Fatal("a task of a killed machine runs")
	case now < v.pausedUntil:
		a.t.Fatalf("a task runs %v before the end of a pause", v.pausedUntil-now)
	case now < since+slow:
		a.t.Fatalf("a task of a slow machine runs %v too early", since+slow-now)
	case v.pausedUntil <= since+slow && now > since+slow:
		a.t.Fatalf("a task runs %v too late", now-since-slow)
	}
}

// spawn starts a task that sleeps, and one that it wakes.
func (a *attack) spawn(v *victim) {
	begun, slow := a.s.Elapsed(), v.slow
	v.begun++
	v.Go("sleeper", func() {
		finished := false
		defer func() {
			v.ended++
			if !finished {
				a.fate["unwound"]++
				equal(a.t, "killed", v.Killed(), true)
			}
		}()
		a.awake(v, begun, slow)
		for range a.rnd.IntN(6) {
			want := v.Monotonic() + a.duration(30)
			must(a.t, env.Sleep(v, background, want-v.Monotonic()))
			if now := v.Monotonic(); now < want {
				a.t.Fatalf("woke %v too early", want-now)
			}
			a.wake(v)
		}
		finished = true
	})
}

// wake has a task of any machine, or of v, woken by one of v.
func (a *attack) wake(v *victim) {
	of := a.all[a.rnd.IntN(len(a.all))]
	p := of.NewParker()
	var since, slow time.Duration
	parked := false
	of.begun++
	of.Go("woken", func() {
		defer func() { of.ended++ }()
		parked = true
		must(a.t, p.Park(background))
		if since > 0 {
			a.awake(of, since, slow)
			a.fate["woken"]++
		}
	})
	unpark := func() {
		if parked && since == 0 {
			since, slow = a.s.Elapsed(), of.slow
		}
		p.Unpark()
	}
	v.timers++
	v.AfterFunc(a.duration(50), func() {
		v.timers--
		unpark()
	})
	a.s.Machine(coro.MainMachine).AfterFunc(time.Second, unpark) // v may be killed
}

// timer sets one that fires once, when it is due by the machine's clock, or is stopped before.
func (a *attack) timer(v *victim) {
	want := v.Monotonic() + a.duration(50)
	fired, stopped := false, false
	v.timers++
	timer := v.AfterFunc(want-v.Monotonic(), func() {
		v.timers--
		late := v.Monotonic() - want
		switch {
		case fired || stopped || v.Killed() || late < 0 || a.s.Elapsed() < v.pausedUntil:
			a.t.Errorf("a timer fired again (%v), stopped (%v), killed (%v), %v late, or in a pause", fired, stopped,
				v.Killed(), late)
		case late > 1 && a.s.Elapsed() > v.pausedUntil: // a nanosecond of a fast clock may be less than one
			a.t.Errorf("a timer fired %v late", late)
		case late > 1:
			a.fate["fired late"]++
		}
		fired = true
	})
	a.s.Machine(coro.MainMachine).AfterFunc(a.duration(60), func() {
		if a.rnd.IntN(2) == 0 {
			return
		}
		gone := fired || v.Killed()
		stopped = timer.Stop()
		equal(a.t, "Stop", stopped, !gone)
		equal(a.t, "Stop again", timer.Stop(), false)
		if stopped {
			v.timers--
			a.fate["stopped"]++
		}
	})
}

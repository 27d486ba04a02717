// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// task is run by a carrier, from when it first runs.
type task struct {
	id      uint64
	name    string
	machine *Machine
	f       func()

	carrier *carrier // nil until it has first run

	wake      func() // makes it runnable if it is parked
	running   bool   // it, or something that it has resumed, runs
	parked    bool
	dying     bool // it may only unwind
	ended     bool
	swallowed int // how often it went on after it was told to unwind
}

// killed is the panic that unwinds a task; env.Killed knows it.
type killed struct{}

func (killed) EnvKilled() {}

func (killed) Error() string { return "the machine of this task was killed" }

// swallowedMax is how often a task may recover from being unwound and park
// again, say in nested handlers, before it is taken for a loop that never ends.
const swallowedMax = 1000

func (t *task) String() string {
	return fmt.Sprintf("task %d %q of machine %s", t.id, t.name, t.machine.name)
}

// resume runs t until it parks or ends.
func (s *Scheduler) resume(t *task) {
	if t.carrier == nil {
		s.carry(t)
	}
	defer s.leave(t, s.enter(t))
	t.carrier.next()
}

// unwind ends t, which is not running.
func (s *Scheduler) unwind(t *task) {
	s.trace.add(traceUnwind, t.id)
	t.dying = true
	if t.carrier == nil {
		s.forget(t)
		return
	}
	defer s.leave(t, s.enter(t))
	t.carrier.stop()
}

// enter makes t the running task and returns that which was.
func (s *Scheduler) enter(t *task) (before *task) {
	before = s.current
	s.current, t.running = t, true
	return before
}

func (s *Scheduler) leave(t, before *task) {
	s.current, t.running = before, false
}

func (s *Scheduler) forget(t *task) {
	t.ended = true
	delete(s.tasks, t.id)
}

// body runs the task from its beginning to its end.
func (t *task) body() {
	s := t.machine.sched
	returned := false
	defer func() {
		s.forget(t)
		if returned {
			return
		}
		switch r := recover(); {
		case r == nil:
			s.fail(fmt.Errorf("%v: %w", t, ErrGoexit))
		case !env.Killed(r):
			s.fail(&PanicError{Task: t.String(), Value: r, Stack: debug.Stack()})
		}
	}()
	t.f()
	returned = true
}

// block parks t until it is woken, or panics if it is to unwind.
func (t *task) block() {
	t.mustLive()
	t.parked = true
	if !t.carrier.yield(struct{}{}) {
		t.report()
		t.mustLive()
	}
}

// mustLive panics if t is to unwind.
func (t *task) mustLive() {
	if !t.dying {
		return
	}
	t.swallowed++
	if t.swallowed > swallowedMax {
		t.machine.sched.fail(
			fmt.Errorf("%v goes on after its machine was killed: it recovers without asking env.Killed", t))
		runtime.Goexit()
	}
	panic(killed{})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// MainMachine is the name of the machine that the main task runs on.
const MainMachine = "main"

// Options are the choices of a run. The zero value is a run of seed 0 without
// bounds.
type Options struct {
	Seed uint64

	// StepsMax and ElapsedMax are the steps and the virtual time after which Run
	// gives up with ErrLimit. Zero is no bound. A program with a periodic timer never
	// deadlocks: only these end it when it is stuck.
	StepsMax   uint64
	ElapsedMax time.Duration

	// Start is what wall clocks without an offset show when the run begins. Zero is
	// the beginning of 2026, UTC.
	Start time.Time
}

// Scheduler runs a program of tasks.
type Scheduler struct {
	opts   Options
	choice *rand.Rand

	elapsed  time.Duration
	steps    uint64
	trace    traceHash
	machines map[string]*Machine // the latest of each name
	booted   []*Machine          // all, in order

	taskSeq  uint64
	tasks    map[uint64]*task // all that have not ended
	runnable []*task
	current  *task // nil in the scheduler itself and in timers
	idle     []*carrier

	timerSeq    uint64
	timers      timerHeap
	spareTimers []timer

	began     bool
	failure   error
	reporting bool     // the failure asks where tasks waited
	reports   []string // each says that of one
}

// New returns a scheduler that has not run.
func New(opts Options) *Scheduler {
	if opts.Start.IsZero() {
		opts.Start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return &Scheduler{
		opts:     opts,
		choice:   rand.New(rand.NewPCG(opts.Seed, 0)),
		trace:    newTraceHash(),
		machines: make(map[string]*Machine),
		tasks:    make(map[uint64]*task),
	}
}

// Run runs main as a task of MainMachine, and all that it starts, until main
// returns. Then it unwinds the tasks that are left, by killing their machines.
// The error is nil, or wraps ErrDeadlock, ErrGoexit or ErrLimit, or is a
// *PanicError. A Scheduler runs once.
func (s *Scheduler) Run(main func()) error {
	if s.began {
		panic("coro: a scheduler runs only once")
	}
	s.began = true
	root := s.start(s.Machine(MainMachine), "main", main)
	// The loop has a goroutine of its own because a Goexit in a task goes through
	// to the goroutine that resumed it.
	contain(func() { s.loop(root) })
	for len(s.tasks) > 0 {
		contain(s.killAll)
	}
	s.dismiss()
	return s.result()
}

// Elapsed returns the virtual time since the run began.
func (s *Scheduler) Elapsed() time.Duration { return s.elapsed }

// Steps returns how many decisions were made.
func (s *Scheduler) Steps() uint64 { return s.steps }

// TraceHash returns a hash of all decisions so far. Two runs with the same hash
// took the same steps.
func (s *Scheduler) TraceHash() uint64 { return uint64(s.trace) }

// Machine returns the machine of that name, booted if it is not there or was
// killed.
func (s *Scheduler) Machine(name string) *Machine {
	before := s.machines[name]
	if before != nil && !before.killed {
		return before
	}
	m := boot(s, name, before)
	s.machines[name] = m
	s.booted = append(s.booted, m)
	return m
}

func (s *Scheduler) loop(root *task) {
	for !root.ended && s.failure == nil {
		s.step()
	}
}

// step makes one decision.
func (s *Scheduler) step() {
	choices := len(s.runnable)
	due := s.timerDue()
	if due {
		choices++
	}
	if choices == 0 {
		s.jump()
		return
	}
	if s.opts.StepsMax > 0 && s.steps >= s.opts.StepsMax {
		s.fail(fmt.Errorf("%w of %d steps reached", ErrLimit, s.opts.StepsMax))
		return
	}
	s.steps++
	i := 0
	if choices > 1 {
		i = s.choice.IntN(choices)
	}
	if i == len(s.runnable) {
		s.fire(s.timers.pop())
		return
	}
	t := s.runnable[i]
	last := len(s.runnable) - 1
	s.runnable[i], s.runnable[last] = s.runnable[last], nil
	s.runnable = s.runnable[:last]
	s.trace.add(traceResume, t.id)
	s.resume(t)
}

// jump moves time to the next timer.
func (s *Scheduler) jump() {
	if len(s.timers) == 0 {
		s.fail(ErrDeadlock)
		return
	}
	at := s.timers[0].at
	if s.opts.ElapsedMax > 0 && at > s.opts.ElapsedMax {
		s.fail(fmt.Errorf("%w of %v virtual time reached", ErrLimit, s.opts.ElapsedMax))
		return
	}
	s.elapsed = at
	s.trace.add(traceJump, uint64(at))
}

// timerDue reports whether the first timer can fire now. It takes away those that
// cannot because of their machine.
func (s *Scheduler) timerDue() bool {
	for len(s.timers) > 0 {
		t := s.timers[0].timer
		switch {
		case t.dead():
			s.timers.pop()
		case t.at > s.elapsed:
			return false
		case t.machine != nil && t.machine.paused():
			t.machine.heldTimers = append(t.machine.heldTimers, s.timers.pop())
		default:
			return true
		}
	}
	return false
}

func (s *Scheduler) fire(t *timer) {
	f := t.f
	t.f = nil
	s.trace.add(traceFire, t.seq)
	returned := false
	defer func() {
		if returned {
			return
		}
		if r := recover(); r != nil {
			s.fail(&PanicError{Task: "a timer's function", Value: r, Stack: debug.Stack()})
		} else {
			s.fail(fmt.Errorf("a timer's function: %w", ErrGoexit))
		}
	}()
	f()
	returned = true
}

// start makes f a task of m that can run.
func (s *Scheduler) start(m *Machine, name string, f func()) *task {
	s.taskSeq++
	t := &task{id: s.taskSeq, name: name, machine: m, f: f}
	t.wake = func() { s.wake(t) }
	s.tasks[t.id] = t
	s.trace.add(traceStart, t.id)
	s.trace.addString(name)
	s.makeRunnable(t)
	return t
}

// wake makes a task that is parked runnable.
func (s *Scheduler) wake(t *task) {
	if t.parked && !t.dying {
		t.parked = false
		s.makeRunnable(t)
	}
}

func (s *Scheduler) makeRunnable(t *task) {
	if t.machine.slow > 0 {
		s.delay(t)
		return
	}
	s.admit(t)
}

// admit lets t run, unless its machine is paused.
func (s *Scheduler) admit(t *task) {
	if t.machine.paused() {
		t.machine.heldTasks = append(t.machine.heldTasks, t)
		return
	}
	s.runnable = append(s.runnable, t)
}

// killAll unwinds what is left once the run is over.
func (s *Scheduler) killAll() {
	for _, m := range s.booted {
		m.kill()
	}
}

// contain calls f in a goroutine of its own and waits for it, so that a Goexit
// ends only that.
func contain(f func()) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		f()
	}()
	<-over
}

// mustRun returns the running task, for what only a task may do.
func (s *Scheduler) mustRun() *task {
	t := s.current
	if t == nil || goroutineChecked && goroutineID() != t.carrier.goroutine {
		panic("coro: Park outside of a task: only what env.Go started may block, no timer's function and no plain " +
			"goroutine")
	}
	return t
}

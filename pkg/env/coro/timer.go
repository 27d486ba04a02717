// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"time"
)

// timer is a pending call. It is on the clock of its machine, or on virtual
// time if it is the scheduler's own.
type timer struct {
	sched   *Scheduler
	machine *Machine
	task    *task         // that which is delayed, of the scheduler's own timers for that
	at      time.Duration // virtual time
	local   time.Duration // reading of the machine's clock
	seq     uint64
	f       func() // nil once over
	index   int    // in the heap, -1 outside
}

// Stop implements env.Timer.
func (t *timer) Stop() bool {
	if t.f == nil || t.machine.killed {
		return false
	}
	t.f = nil
	if t.index >= 0 {
		t.sched.timers.remove(t.index)
	}
	return true
}

// dead reports whether t is never to fire because of whose it is.
func (t *timer) dead() bool {
	return t.machine != nil && t.machine.killed || t.task != nil && t.task.dying
}

// timerSlab is how many timers are allocated together: every sleep makes one.
const timerSlab = 32

// newTimer returns a timer for f, outside of the heap. Timers are never used again, for who made one may ask it to
// stop at any time.
func (s *Scheduler) newTimer(f func()) *timer {
	if len(s.spareTimers) == 0 {
		s.spareTimers = make([]timer, timerSlab)
	}
	t := &s.spareTimers[0]
	s.spareTimers = s.spareTimers[1:]
	t.sched, t.f, t.index = s, f, -1
	return t
}

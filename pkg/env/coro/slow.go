// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import "time"

// SetSlow makes the machine run slow from now on, as one that is short of processors: every time one of its tasks
// becomes runnable, because it was started or woken, it is d of virtual time later that it can run. Zero
// or less ends that; tasks already delayed keep their delay. The clocks and timers of the machine are not slow. A
// delay goes on in a pause, and a task whose delay ends in one runs after it. A machine
// booted again under the name is not slow.
func (m *Machine) SetSlow(d time.Duration) {
	if m.killed {
		return
	}
	m.slow = min(max(d, 0), timerMax)
	m.sched.trace.add(traceSlow, uint64(m.slow))
}

// delay makes t runnable once the slowness of its machine has passed.
func (s *Scheduler) delay(t *task) {
	due := s.newTimer(func() { s.admit(t) })
	due.task, due.at = t, s.elapsed+t.machine.slow
	s.addTimer(due)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import "iter"

// carrier is a coroutine that runs one task after the other: to make one for each task, and to grow its stack each
// time, takes longer than most tasks.
type carrier struct {
	sched *Scheduler
	task  *task // which it runs, nil while it is idle
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	goroutine uint64 // its identity, where that is checked
}

// carry gives a task that has not run a carrier.
func (s *Scheduler) carry(t *task) {
	var c *carrier
	if last := len(s.idle) - 1; last >= 0 {
		c, s.idle = s.idle[last], s.idle[:last]
	} else {
		c = &carrier{sched: s}
		c.next, c.stop = iter.Pull(c.run)
	}
	c.task, t.carrier = t, c
}

// run is the coroutine.
func (c *carrier) run(yield func(struct{}) bool) {
	c.yield = yield
	if goroutineChecked {
		c.goroutine = goroutineID()
	}
	for {
		t := c.task
		t.body()
		c.task, t.carrier = nil, nil
		if t.dying { // by stop, after which there is no next
			return
		}
		c.sched.idle = append(c.sched.idle, c)
		if !yield(struct{}{}) {
			return
		}
	}
}

// dismiss ends the carriers that are idle.
func (s *Scheduler) dismiss() {
	for _, c := range s.idle {
		c.stop()
	}
	s.idle = nil
}

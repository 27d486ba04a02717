// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"
	"time"
)

// answering notes what the running task has taken from the mailbox and not answered.
func (s *slot) answering(calls []*call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.unanswered = calls
}

// exit notes that what runs will never return, and which call that was for, nil for none; the others go on to be
// answered. It reports whether anybody has waited for it.
func (s *slot) exit(what string) (running *call, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	r := s.run
	r.what = what
	r.calls = slices.DeleteFunc(slices.Clone(r.unanswered), func(c *call) bool { return c == r.running })
	return r.running, !r.abandoned
}

// run is what the task of a slot is at: code of the actor's author, or not. It is guarded by its slot's mutex.
type run struct {
	// calls have not been answered; the handler is running for one of them, nil if it is a hook.
	calls []*call
	// unanswered are all that the task has taken from the mailbox, running that of them whose handler runs.
	unanswered []*call
	running    *call
	// what names the handler that runs; "" is none. It began at since, and its context ends at deadline.
	what            string
	since, deadline time.Duration
	reported        bool
	// controls wait to be run, control is the one that runs.
	controls []*control
	control  *control
	// abandoned runs have no slot any more: their task must not touch anything.
	abandoned bool
}

// enter notes that the actor's code is about to run, for a call if that is not nil. calls have not been answered.
func (s *slot) enter(what string, running *call, calls []*call, now, deadline time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.calls, s.run.what, s.run.since, s.run.deadline, s.run.reported, s.run.running = calls, what, now, deadline,
		false, running
}

// leave notes that the actor's code has returned, and reports whether anybody has waited for it.
func (s *slot) leave() (inTime bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.what, s.run.calls, s.run.running = "", nil, nil
	return !s.run.abandoned
}

// overdue says what runs in the slot and for how long, whether that is said for the first time, and whether it is to be
// given up.
func (s *slot) overdue(now time.Duration) (what string, ran time.Duration, first, overdue bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.run
	if r == nil || r.what == "" {
		return "", 0, false, false
	}
	first, r.reported = !r.reported, true
	return r.what, now - r.since, first, now > r.deadline+handlerGrace
}

// givenUpSlot is what is left of a slot that was abandoned.
type givenUpSlot struct {
	calls    []*call
	controls []*control
	// running is the call whose handler did not return, nil if it was a hook.
	running *call
	// heir is the slot that has waited for its room, next the one that takes note of what has happened; nil if there
	// is none.
	heir, next *slot
}

// abandon takes a slot out whose handler runs. noteOf returns the call by which the next activation takes note of
// that, nil for none.
func (d *dispatcher) abandon(s *slot, now time.Duration, noteOf func(running *call) *call) (g givenUpSlot,
	abandoned bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.what == "" {
		return g, false
	}
	g = givenUpSlot{running: s.run.running, heir: s.heir, controls: s.run.controls}
	if s.run.control != nil {
		g.controls = append(g.controls, s.run.control)
	}
	var notes []*call
	if note := noteOf(s.run.running); note != nil {
		notes = append(notes, note)
	}
	for _, c := range append(slices.Clone(s.run.calls), s.pending...) {
		if c.abandoned != nil && c != s.run.running && now < c.deadline {
			notes = append(notes, c)
		} else {
			g.calls = append(g.calls, c)
		}
	}
	d.pending.Add(int64(len(notes) - len(s.pending)))
	s.run.abandoned, s.gone, s.pending = true, true, nil
	d.weigh(s, 0)
	delete(d.slots, s.actor)
	d.order.remove(s)
	d.inherit(s)
	if len(notes) > 0 && !d.closed {
		g.next = &slot{actor: s.actor, pending: notes, running: true, used: s.used}
		d.slots[s.actor] = g.next
		d.order.add(g.next)
	}
	return g, true
}

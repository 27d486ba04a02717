// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// Answering notes what the running task has taken from the mailbox and not answered.
func (s *Mailbox) Answering(calls []*call.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.unanswered = calls
}

// Exit notes that what runs will never return, and which call that was for, nil for none; the others go on to be
// answered. It reports whether anybody has waited for it.
func (s *Mailbox) Exit(what string) (running *call.Call, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	r := s.run
	r.what = what
	r.calls = slices.DeleteFunc(slices.Clone(r.unanswered), func(c *call.Call) bool { return c == r.running })
	return r.running, !r.abandoned
}

// run is what the task of a mailbox is at: code of the actor's author, or not. It is guarded by its mailbox's mutex.
type run struct {
	// calls have not been answered; the handler is running for one of them, nil if it is a hook.
	calls []*call.Call
	// unanswered are all that the task has taken from the mailbox, running that of them whose handler runs.
	unanswered []*call.Call
	running    *call.Call
	// what names the handler that runs; "" is none. It began at since, and its context ends at deadline.
	what            string
	since, deadline time.Duration
	reported        bool
	// controls wait to be run, control is the one that runs.
	controls []*Control
	control  *Control
	// abandoned runs have no mailbox any more: their task must not touch anything.
	abandoned bool
}

// Enter notes that the actor's code is about to run, for a call if that is not nil. calls have not been answered.
func (s *Mailbox) Enter(what string, running *call.Call, calls []*call.Call, now, deadline time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.calls, s.run.what, s.run.since, s.run.deadline, s.run.reported, s.run.running = calls, what, now, deadline,
		false, running
}

// Leave notes that the actor's code has returned. The error is call.ErrAbandoned if the mailbox
// was given up meanwhile.
func (s *Mailbox) Leave() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.what, s.run.calls, s.run.running = "", nil, nil
	if s.run.abandoned {
		return call.ErrAbandoned
	}
	return nil
}

// Overdue says what runs in the mailbox and for how long, whether that is said for the first time, and whether it is
// to be given up.
func (s *Mailbox) Overdue(now time.Duration) (what string, ran time.Duration, first, overdue bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.run
	if r == nil || r.what == "" {
		return "", 0, false, false
	}
	first, r.reported = !r.reported, true
	return r.what, now - r.since, first, now > r.deadline+call.HandlerGrace
}

// Remains is what is left of a mailbox that was abandoned.
type Remains struct {
	Calls    []*call.Call
	Controls []*Control
	// Running is the call whose handler did not return, nil if it was a hook.
	Running *call.Call
	// Successor is the mailbox that has waited for its room, next the one that takes note of what has happened; nil
	// if there is none.
	Successor, Next *Mailbox
}

// Abandon takes a mailbox out whose handler runs. noteOf returns the call by which the next activation takes note of
// that, nil for none.
func (d *Table) Abandon(s *Mailbox, now time.Duration, noteOf func(running *call.Call) *call.Call) (g Remains,
	abandoned bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.what == "" {
		return g, false
	}
	g = Remains{Running: s.run.running, Successor: d.successors[s], Controls: s.run.controls}
	if s.run.control != nil {
		g.Controls = append(g.Controls, s.run.control)
	}
	var notes []*call.Call
	if note := noteOf(s.run.running); note != nil {
		notes = append(notes, note)
	}
	for _, c := range append(slices.Clone(s.run.calls), s.pending...) {
		if c.Abandoned != nil && c != s.run.running && now < c.Deadline {
			notes = append(notes, c)
		} else {
			g.Calls = append(g.Calls, c)
		}
	}
	d.pending.Add(int64(len(notes) - len(s.pending)))
	s.run.abandoned, s.gone, s.pending = true, true, nil
	d.weigh(s, 0)
	d.failing.note(s, call.Failing{})
	delete(d.boxes, s.Actor)
	d.order.remove(s)
	d.inherit(s)
	if len(notes) > 0 && !d.closed {
		g.Next = &Mailbox{Actor: s.Actor, pending: notes, running: true, used: s.used}
		d.boxes[s.Actor] = g.Next
		d.order.add(g.Next)
	}
	return g, true
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
)

// runSlot is the task of a mailbox: it goes on until there is nothing to do. It reports whether the mailbox was its
// own to the end: it is not if it was abandoned.
func (h *Host) runSlot(s *mailbox.Mailbox) (mine bool) {
	for {
		w := h.Mailboxes.Next(s, h.Env.Monotonic(), activation.Of(s).Bytes(), activation.Of(s).Failing())
		if w.Drop {
			activation.Of(s).Ended()
			s.Resident = nil
		}
		switch {
		case w.Done:
			return true
		case w.Control != nil:
			if w.Control.Run(s) {
				return true
			}
			s.Controlled()
		case len(w.Calls) > 0:
			h.runCalls(s, w.Calls)
		case w.Idle && activation.Of(s).Sending():
		case activation.Of(s) != nil && !w.Drop:
			h.release(s)
		}
		if s.Abandoned() {
			return false
		}
		if activation.Of(s) == nil && h.Mailboxes.Remove(s) {
			return true
		}
	}
}

// runCalls runs what was pending, activating the actor first if need be. Afterwards there is an activation, or every
// call has been answered or sent on.
func (h *Host) runCalls(s *mailbox.Mailbox, calls []*call.Call) {
	s.Answering(calls)
	defer func() {
		s.Answering(nil)
		h.Trials.Leave(s)
	}()
	for {
		if activation.Of(s) != nil && activation.Of(s).Destroyed { // and not released yet: the calls are for a new one
			s.Resident = nil
		}
		if activation.Of(s) == nil {
			a, err := h.Activate(s, calls)
			if errors.Is(err, call.ErrAbandoned) {
				return
			}
			if err != nil {
				for _, c := range calls {
					if api.CodeOf(err) == api.CodeNoCapacity {
						c.RefusedBy(h.NodeID, err)
					}
					h.Router.Again(c, err)
				}
				return
			}
			s.Resident = a
		}
		if activation.Of(s).Unreadable {
			calls = activation.DeletionFirst(calls)
		} else {
			calls = activation.Of(s).Attend(calls)
		}
		rest, good := activation.Of(s).Process(calls)
		switch {
		case !good:
			activation.Of(s).Ended()
			s.Resident = nil
			return
		case len(rest) > 0: // the actor was deleted: what comes behind that finds a new one
			s.Resident, calls = nil, rest
		case activation.Of(s).Destroyed:
			s.Retire()
			return
		default:
			return
		}
	}
}

// startSlotAfter releases a victim, and then runs the mailbox that waits for its room.
func (h *Host) startSlotAfter(s, victim *mailbox.Mailbox) {
	h.begin(s)
	h.begin(victim)
	h.Env.Go("evict", func() {
		for {
			if !h.runSlot(victim) {
				return // it was given up, and its room with it
			}
			h.finished(victim)
			room, next, calls := h.Mailboxes.Evicted(s, victim)
			if room {
				h.runOwn(s)
				return
			}
			if next == nil {
				h.refuse(s.Actor, calls)
				h.finished(s)
				return
			}
			victim = next
			h.begin(victim)
		}
	})
}

// refuse sends calls on that found no room.
func (h *Host) refuse(actor api.ActorID, calls []*call.Call) {
	for _, c := range calls {
		err := h.Mailboxes.ErrNoRoom(actor)
		c.RefusedBy(h.NodeID, err)
		h.Router.Again(c, err)
	}
}

func (h *Host) startSlot(s *mailbox.Mailbox) {
	h.begin(s)
	h.Env.Go("actor", func() { h.runOwn(s) })
}

// runOwn is the task of a mailbox that has begun.
func (h *Host) runOwn(s *mailbox.Mailbox) {
	if h.runSlot(s) {
		h.finished(s)
	}
}

// begin notes that a mailbox has a task, until finished or abandoned.
func (h *Host) begin(s *mailbox.Mailbox) {
	h.InFlight.Begin()
	h.running.Add(s)
}

func (h *Host) finished(s *mailbox.Mailbox) {
	h.Trials.Leave(s)
	h.running.Remove(s)
	h.InFlight.End()
}

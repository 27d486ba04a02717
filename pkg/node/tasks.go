// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// runSlot is the task of a slot: it goes on until there is nothing to do. It reports whether the slot was its own to
// the end: it is not if it was abandoned.
func (h *host) runSlot(s *slot) (mine bool) {
	for {
		w := h.dispatcher.next(s, h.env.Monotonic(), activationOf(s).bytes())
		if w.drop {
			activationOf(s).ended()
			s.resident = nil
		}
		switch {
		case w.done:
			return true
		case w.control != nil:
			if w.control.run(s) {
				return true
			}
			s.controlled()
		case len(w.calls) > 0:
			h.runCalls(s, w.calls)
		case w.idle && activationOf(s).sending():
		case activationOf(s) != nil && !w.drop:
			h.release(s)
		}
		if s.abandoned() {
			return false
		}
		if activationOf(s) == nil && h.dispatcher.remove(s) {
			return true
		}
	}
}

// runCalls runs what was pending, activating the actor first if need be. Afterwards there is an activation, or every
// call has been answered or sent on.
func (h *host) runCalls(s *slot, calls []*call) {
	s.answering(calls)
	defer func() {
		s.answering(nil)
		h.trials.leave(s)
	}()
	for {
		if activationOf(s) != nil && activationOf(s).destroyed { // and not released yet: the calls are for a new one
			s.resident = nil
		}
		if activationOf(s) == nil {
			a, err := h.activate(s, calls)
			if errors.Is(err, errAbandoned) {
				return
			}
			if err != nil {
				for _, c := range calls {
					h.router.again(c, err)
				}
				return
			}
			s.resident = a
		}
		if activationOf(s).unreadable {
			calls = deletionFirst(calls)
		} else {
			calls = activationOf(s).attend(calls)
		}
		rest, good := activationOf(s).process(calls)
		switch {
		case !good:
			activationOf(s).ended()
			s.resident = nil
			return
		case len(rest) > 0: // the actor was deleted: what comes behind that finds a new one
			s.resident, calls = nil, rest
		case activationOf(s).destroyed:
			s.retire()
			return
		default:
			return
		}
	}
}

// startSlotAfter releases a victim, and then runs the slot that waits for its room.
func (h *host) startSlotAfter(s, victim *slot) {
	h.begin(s)
	h.begin(victim)
	h.env.Go("evict", func() {
		for {
			if !h.runSlot(victim) {
				return // it was given up, and its room with it
			}
			h.finished(victim)
			room, next, calls := h.dispatcher.evicted(s, victim)
			if room {
				h.runOwn(s)
				return
			}
			if next == nil {
				h.refuse(s.actor, calls)
				h.finished(s)
				return
			}
			victim = next
			h.begin(victim)
		}
	})
}

// refuse sends calls on that found no room.
func (h *host) refuse(actor api.ActorID, calls []*call) {
	for _, c := range calls {
		err := h.dispatcher.errNoRoom(actor)
		c.refusedBy(h.nodeID, err)
		h.router.again(c, err)
	}
}

func (h *host) startSlot(s *slot) {
	h.begin(s)
	h.env.Go("actor", func() { h.runOwn(s) })
}

// runOwn is the task of a slot that has begun.
func (h *host) runOwn(s *slot) {
	if h.runSlot(s) {
		h.finished(s)
	}
}

// begin notes that a slot has a task, until finished or abandoned.
func (h *host) begin(s *slot) {
	h.slots.begin()
	h.running.add(s)
}

func (h *host) finished(s *slot) {
	h.trials.leave(s)
	h.running.remove(s)
	h.slots.end()
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// A handler that does not return keeps its actor from everybody. Nothing can end it from outside; but the activation
// can be given up: its slot leaves the dispatcher, the calls that waited are routed anew, and the next activation
// takes the claim again, under the next token. When the handler returns at last, nobody looks at what it did, and the
// claim that it could commit under is no longer the actor's.
//
// What the handler ran for has failed: its caller is told so, and an alarm, or a message that is tried for the last
// time, is counted as failed by the first thing that the next activation does. Otherwise it would hang again and
// again, and what is behind it would wait for ever.

const (
	// handlerReported is how long a handler runs before that is said in the log.
	handlerReported = 10 * time.Second
	// handlerGrace is how long after the end of its context a handler may take to return before its activation is
	// given up.
	handlerGrace = 10 * time.Second
	// handlersLookedAt is how often that is looked for.
	handlersLookedAt = time.Second
)

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

// runners are the slots that have a task: for a moment two, when a call comes while one ends.
type runners struct {
	mu    sync.Mutex
	slots map[*slot]int
}

func (r *runners) add(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots == nil {
		r.slots = make(map[*slot]int)
	}
	r.slots[s]++
}

func (r *runners) remove(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots[s]--; r.slots[s] == 0 {
		delete(r.slots, s)
	}
}

// longer returns the slots whose actor's code has run since before a time, in order of actor.
func (r *runners) longer(before time.Duration) []*slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*slot
	for s := range r.slots { //kelpie:unordered sorted below
		s.mu.Lock()
		if s.run != nil && s.run.what != "" && s.run.since < before {
			out = append(out, s)
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b *slot) int { return strings.Compare(a.actor.String(), b.actor.String()) })
	return out
}

// watchHandlers reports handlers that do not return, and gives their activations up.
func (h *host) watchHandlers(ctx context.Context) {
	for env.Sleep(h.env, ctx, handlersLookedAt) == nil {
		now := h.env.Monotonic()
		for _, s := range h.running.longer(now - handlerReported) {
			what, ran, first, overdue := s.overdue(now)
			switch {
			case overdue:
				h.abandon(s)
				h.happened(api.Event{Kind: api.EventAbandoned, Node: h.nodeID, Actor: s.actor.String(),
					Count: 1, Cause: fmt.Sprintf("%s has run for %v, and its callers have given up", what,
						ran.Round(time.Second))})
				h.log.Error("a handler has not returned: its activation is given up, and it may run on", "actor",
					s.actor.String(), "handler", what, "for", ran)
			case first:
				h.happened(api.Event{Kind: api.EventStuck, Node: h.nodeID, Actor: s.actor.String(), Count: 1,
					Cause: fmt.Sprintf("%s has run for %v", what, ran.Round(time.Second))})
				h.log.Warn("a handler does not return", "actor", s.actor.String(), "handler", what, "for", ran)
			}
		}
	}
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

// noteTimeout is how long a slot is kept that is to take note of an abandoned handler, while hooks hang that run first.
const noteTimeout = 2 * time.Minute

// abandon gives up the activation of a slot whose handler does not return, unless it just has.
func (h *host) abandon(s *slot) {
	g, abandoned := h.dispatcher.abandon(s, h.env.Monotonic(), h.noteOf)
	if !abandoned {
		return
	}
	h.couriers.detach(s)
	for _, c := range g.controls {
		c.abort(errGivenUp(s.actor))
	}
	if g.heir != nil {
		h.env.Go("actor", func() { h.runOwn(g.heir) })
	}
	if g.next != nil {
		h.startSlot(g.next)
	}
	h.finished(s)
	for _, c := range g.calls {
		switch {
		case c == g.running:
			c.finish(nil, "", errHangs(c))
		case h.env.Monotonic() >= c.deadline:
			c.finish(nil, "", api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed while a handler ran",
				c.actor))
		default:
			h.router.again(c, errMoved(c.actor))
		}
	}
}

// errHangs is the error of a call whose handler does not return.
func errHangs(c *call) *api.Error {
	err := api.Errorf(api.CodeDeadlineExceeded, "actor %s: method %s did not return by its deadline, nor %v later",
		c.actor, clip(c.method), handlerGrace)
	err.Detail = map[string]string{api.DetailRan: "true"}
	return err
}

// noteOf returns the own call by which the next activation takes note that the handler of a call did not return, nil
// if it need not: who waits for an answer, or will try again, counts itself.
func (h *host) noteOf(c *call) *call {
	if c == nil || c.alarm == nil && (c.number == 0 || c.flags&api.InvokeLastTry == 0) {
		return nil
	}
	return &call{
		actor: c.actor, method: methodSettle, own: true, abandoned: c, flags: api.InvokeForwarded,
		context:  h.life,
		deadline: h.env.Monotonic() + noteTimeout,
		finish:   func([]byte, string, error) {},
	}
}

// runNote takes note of a handler that did not return, as part of the batch.
func (a *activation) runNote(c *call) answer {
	g := a.plan()
	g.begin()
	out := answer{call: c.abandoned, err: errHangs(c.abandoned)}
	if c.abandoned.alarm != nil {
		if al := g.alarm(c.abandoned.alarm.Name); al == nil || !al.same(c.abandoned.alarm) {
			return answer{call: c, settled: true}
		}
		a.alarmFailed(&out)
	} else if last, err := g.inbox.mark(a.host.ctx, a.claim, sourceOf(c.abandoned)); err != nil {
		a.host.log.Warn("that a message has hung could not be noted: it is tried once more", "actor", a.actor.String(),
			"error", err)
	} else if c.abandoned.number > last.number {
		a.sendRun(&out)
	}
	return answer{call: c, writes: out.writes, settled: !out.writes}
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

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Code of an actor may end the process, and then nobody is left to say so. A suspect, whose claim was taken from a
// node that failed, is therefore on trial while its code runs: the store has a mark (registry/trial.go) from before
// the code begins until what it has done is committed. A batch on trial is one call. A handler that waits for
// another actor is not on trial meanwhile.
//
// Suspects are on trial side by side. One that has been found running in a process that ended is so alone: if that
// process ends too, it was this one.

const (
	// trialsMax is how many suspects are on trial at once on a node, or one that must be alone.
	trialsMax = 1 << 20
	// acquittalsMax is how many marks are remembered that may be left in the store. Beyond that they are forgotten:
	// an operator clears a quarantine that comes of that.
	acquittalsMax = 10_000
)

// trials are the suspects whose code runs on this node.
type trials struct {
	room *env.Semaphore

	mu sync.Mutex
	// held is how many units of room a slot has.
	held map[*slot]int64
	// marks are those that the store may have, by the incarnation that they were stored under.
	marks map[api.ActorID]registry.Incarnation
}

func newTrials(e env.Env) *trials {
	return &trials{
		room: env.NewSemaphore(e, trialsMax), held: make(map[*slot]int64),
		marks: make(map[api.ActorID]registry.Incarnation),
	}
}

// tryEnter has a slot on trial beside others, unless one is alone or wants to be.
func (ts *trials) tryEnter(s *slot) bool {
	if !ts.room.TryAcquire(1) {
		return false
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.held[s] = 1
	return true
}

// enter waits until a slot may be on trial.
func (ts *trials) enter(ctx context.Context, s *slot, alone bool) error {
	units := int64(1)
	if alone {
		units = trialsMax
	}
	ts.mu.Lock()
	has := ts.held[s]
	ts.mu.Unlock()
	if has == units {
		return nil
	}
	ts.leave(s)
	if err := ts.room.Acquire(ctx, units); err != nil {
		return api.Errorf(api.CodeUnavailable, "actor %s: its turn to be tried has not come: %w", s.actor, err)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.held[s] = units
	return nil
}

// leave makes room. It does nothing if the slot has none.
func (ts *trials) leave(s *slot) {
	ts.mu.Lock()
	units := ts.held[s]
	delete(ts.held, s)
	ts.mu.Unlock()
	if units > 0 {
		ts.room.Release(units)
	}
}

// marked notes that the store may have a mark of an actor; unmarked that it has none.
func (ts *trials) marked(id api.ActorID, inc registry.Incarnation) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.marks) >= acquittalsMax {
		clear(ts.marks)
	}
	ts.marks[id] = inc
}

func (ts *trials) unmarked(id api.ActorID) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.marks, id)
}

// leftover takes the marks out that were stored under other incarnations than the present one, in order of actor.
func (ts *trials) leftover(now registry.Incarnation) []leftover {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var out []leftover
	for id, inc := range ts.marks { //kelpie:unordered sorted below
		if inc != now {
			out = append(out, leftover{id, inc})
			delete(ts.marks, id)
		}
	}
	slices.SortFunc(out, func(x, y leftover) int { return compareActors(x.actor, y.actor) })
	return out
}

// leftover is a mark that has outlived the lease under which it was stored.
type leftover struct {
	actor       api.ActorID
	incarnation registry.Incarnation
}

// acquit takes back what others may have concluded from the loss of the node's lease: the process has not ended.
func (h *host) acquit() {
	left := h.trials.leftover(h.keeper.member().Node.Incarnation)
	if len(left) == 0 {
		return
	}
	h.tasks.Go("acquit", func(ctx context.Context) {
		for _, l := range left {
			changed, err := h.registry.Acquit(ctx, l.actor, h.nodeID, l.incarnation)
			switch {
			case err != nil:
				h.trials.marked(l.actor, l.incarnation) // until the next heartbeat
				h.log.Warn("an actor could not be acquitted", "actor", l.actor.String(), "error", err)
			case changed:
				h.log.Info("an actor that others suspect was acquitted: this process lives", "actor", l.actor.String())
				h.events.sum(api.Event{
					Kind: api.EventAcquitted, Node: h.nodeID, Actor: l.actor.String(),
					Cause: "the process that it was running in when the node was fenced has not ended",
				})
			}
		}
	})
}

// code is the method of the author's that a call runs, "" if that is none.
func (a *activation) code(c *call) string {
	if a.spec.Methods[c.method] == nil {
		return ""
	}
	return c.method
}

// attempt is what a slot's actor is to be claimed for.
func (h *host) attempt(s *slot, calls []*call) registry.Attempt {
	out := registry.Attempt{Mark: h.trials.tryEnter(s)}
	if len(calls) > 0 {
		if spec := h.kinds[s.actor.Namespace]; spec.Methods[calls[0].method] != nil {
			out.Method, out.Retry = calls[0].method, calls[0].retried()
		}
	}
	return out
}

// tryActivation has a suspect on trial before anything of it runs.
func (a *activation) tryActivation(ctx context.Context, at registry.Attempt) error {
	t := a.claim.Trial()
	switch {
	case t == nil:
		a.host.trials.leave(a.slot)
		return nil
	case t.Marked():
		a.host.trials.marked(a.actor, a.claim.Incarnation())
		return nil
	}
	return a.beginTrial(ctx, at.Method, at.Retry)
}

// try prepares a batch of a suspect, and returns how many of the calls it may have; 0 is any number.
func (a *activation) try(calls []*call) (most int, err error) {
	t := a.claim.Trial()
	if t == nil {
		return 0, nil
	}
	due := func(c *call) bool {
		method := a.code(c)
		return method != "" && t.Due(method, c.repeats())
	}
	c := calls[0]
	if !due(c) {
		return max(slices.IndexFunc(calls, due), 0), nil
	}
	if t.Begun(c.method, c.retried()) {
		return 1, nil
	}
	ctx, cancel := env.WithDeadlineAt(a.host.env, a.host.ctx, c.deadline)
	defer cancel()
	return 1, a.beginTrial(ctx, c.method, c.retried())
}

// beginTrial waits for the suspect's turn until ctx ends, and stores the mark.
func (a *activation) beginTrial(ctx context.Context, method string, retry bool) error {
	alone := a.claim.Trial().Suspected()
	if err := a.host.trials.enter(ctx, a.slot, alone); err != nil {
		return err
	}
	a.host.trials.marked(a.actor, a.claim.Incarnation())
	a.claim.Renew(a.host.keeper.proof())
	return a.claim.BeginTrial(a.host.ctx, method, retry, alone)
}

// endTrial clears the mark, if the batch has not.
func (a *activation) endTrial() error {
	t := a.claim.Trial()
	if t == nil {
		return nil
	}
	if t.Marked() {
		if err := a.clearMark(nil); err != nil {
			return err
		}
	}
	a.host.trials.unmarked(a.actor)
	a.host.trials.leave(a.slot)
	return nil
}

// returned notes that the handler of a call has returned, or that there was none to run. That of an alarm may have
// come first after an activation.
func (a *activation) returned(c *call) {
	t := a.claim.Trial()
	t.Returned(c.method)
	if c.alarm != nil || a.code(c) == "" {
		t.Returned(registry.TrialAnything)
	}
}

// clearMark commits that what was on trial has returned, and nothing else. As a node that takes over very many
// actors does so for all that are only read, it counts as a claim. c is the call that it was for, nil if there was
// none.
func (a *activation) clearMark(c *call) error {
	if c != nil && a.code(c) == "" {
		a.returned(c)
	}
	if err := a.host.claims.Acquire(a.host.ctx, 1); err != nil {
		return err
	}
	defer a.host.claims.Release(1)
	a.claim.Renew(a.host.keeper.proof())
	return a.commit(nil)
}

// pauseTrial ends the trial of a handler that waits for something else. resume begins it again.
func (a *activation) pauseTrial(ctx context.Context, c *call) (resume func() error, err error) {
	if !a.claim.Trial().Marked() {
		return func() error { return nil }, nil
	}
	return func() error { return a.beginTrial(ctx, c.method, c.retried()) }, a.endTrial()
}

// quarantined is the error for an actor that is refused, of which the node tells if it is the one that has found out.
func (h *host) quarantined(id api.ActorID, got registry.Acquired) error {
	err := got.Quarantine.Err()
	if got.Found {
		h.log.Error("an actor is quarantined: its code was running when a process ended",
			"actor", id.String(), "reason", err.Message)
		h.happened(api.Event{
			Kind: api.EventQuarantined, Node: h.nodeID, Actor: id.String(), Count: 1, Cause: err.Message,
		})
	}
	return err
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"context"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
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
	// held is how many units of room a mailbox has.
	held map[*mailbox.Mailbox]int64
	// marks are those that the store may have, by the incarnation that they were stored under.
	marks map[api.ActorID]registry.Incarnation
}

// NewTrials returns trials with room for trialsMax suspects at once.
func NewTrials(e env.Env) *trials {
	return &trials{
		room: env.NewSemaphore(e, trialsMax), held: make(map[*mailbox.Mailbox]int64),
		marks: make(map[api.ActorID]registry.Incarnation),
	}
}

// TryEnter has a mailbox on trial beside others, unless one is alone or wants to be.
func (ts *trials) TryEnter(s *mailbox.Mailbox) bool {
	if !ts.room.TryAcquire(1) {
		return false
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.held[s] = 1
	return true
}

// enter waits until a mailbox may be on trial.
func (ts *trials) enter(ctx context.Context, s *mailbox.Mailbox, alone bool) error {
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
	ts.Leave(s)
	if err := ts.room.Acquire(ctx, units); err != nil {
		return api.Errorf(api.CodeUnavailable, "actor %s: its turn to be tried has not come: %w", s.Actor, err)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.held[s] = units
	return nil
}

// Leave makes room. It does nothing if the mailbox has none.
func (ts *trials) Leave(s *mailbox.Mailbox) {
	ts.mu.Lock()
	units := ts.held[s]
	delete(ts.held, s)
	ts.mu.Unlock()
	if units > 0 {
		ts.room.Release(units)
	}
}

// Marked notes that the store may have a mark of an actor; unmarked that it has none.
func (ts *trials) Marked(id api.ActorID, inc registry.Incarnation) {
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

// Leftover takes the marks out that were stored under other incarnations than the present one, in order of actor.
func (ts *trials) Leftover(now registry.Incarnation) []leftover {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var out []leftover
	for id, inc := range ts.marks { //kelpie:unordered sorted below
		if inc != now {
			out = append(out, leftover{id, inc})
			delete(ts.marks, id)
		}
	}
	slices.SortFunc(out, func(x, y leftover) int { return call.CompareActors(x.Actor, y.Actor) })
	return out
}

// leftover is a mark that has outlived the lease under which it was stored.
type leftover struct {
	Actor       api.ActorID
	Incarnation registry.Incarnation
}

// code is the method of the author's that a call runs, "" if that is none.
func (a *Activation) code(c *call.Call) string {
	if a.Spec.Methods[c.Method] == nil {
		return ""
	}
	return c.Method
}

// tryActivation has a suspect on trial before anything of it runs.
func (a *Activation) tryActivation(ctx context.Context, at registry.Attempt) error {
	t := a.Claim.Trial()
	switch {
	case t == nil:
		a.parts.Trials.Leave(a.mailbox)
		return nil
	case t.Marked():
		a.parts.Trials.Marked(a.Actor, a.Claim.Incarnation())
		return nil
	}
	return a.beginTrial(ctx, at.Method, at.Retry)
}

// try prepares a batch of a suspect, and returns how many of the calls it may have; 0 is any number.
func (a *Activation) try(calls []*call.Call) (most int, err error) {
	t := a.Claim.Trial()
	if t == nil {
		return 0, nil
	}
	due := func(c *call.Call) bool {
		method := a.code(c)
		return method != "" && t.Due(method, c.Repeats())
	}
	c := calls[0]
	if !due(c) {
		return max(slices.IndexFunc(calls, due), 0), nil
	}
	if t.Begun(c.Method, c.Retried()) {
		return 1, nil
	}
	ctx, cancel := env.WithDeadlineAt(a.parts.Env, a.parts.Ctx, c.Deadline)
	defer cancel()
	return 1, a.beginTrial(ctx, c.Method, c.Retried())
}

// beginTrial waits for the suspect's turn until ctx ends, and stores the mark.
func (a *Activation) beginTrial(ctx context.Context, method string, retry bool) error {
	alone := a.Claim.Trial().Suspected()
	if err := a.parts.Trials.enter(ctx, a.mailbox, alone); err != nil {
		return err
	}
	a.parts.Trials.Marked(a.Actor, a.Claim.Incarnation())
	a.Claim.Renew(a.parts.Members.Proof())
	return a.Claim.BeginTrial(a.parts.Ctx, method, retry, alone)
}

// endTrial clears the mark, if the batch has not.
func (a *Activation) endTrial() error {
	t := a.Claim.Trial()
	if t == nil {
		return nil
	}
	if t.Marked() {
		if err := a.clearMark(nil); err != nil {
			return err
		}
	}
	a.parts.Trials.unmarked(a.Actor)
	a.parts.Trials.Leave(a.mailbox)
	return nil
}

// returned notes that the handler of a call has returned, or that there was none to run. That of an alarm may have
// come first after an activation.
func (a *Activation) returned(c *call.Call) {
	t := a.Claim.Trial()
	t.Returned(c.Method)
	if c.Alarm != nil || a.code(c) == "" {
		t.Returned(registry.TrialAnything)
	}
}

// clearMark commits that what was on trial has returned, and nothing else. As a node that takes over very many
// actors does so for all that are only read, it counts as a claim. c is the call that it was for, nil if there was
// none.
func (a *Activation) clearMark(c *call.Call) error {
	if c != nil && a.code(c) == "" {
		a.returned(c)
	}
	if err := a.parts.Claims.Acquire(a.parts.Ctx, 1); err != nil {
		return err
	}
	defer a.parts.Claims.Release(1)
	a.Claim.Renew(a.parts.Members.Proof())
	return a.commit(nil)
}

// pauseTrial ends the trial of a handler that waits for something else. resume begins it again.
func (a *Activation) pauseTrial(ctx context.Context, c *call.Call) (resume func() error, err error) {
	if !a.Claim.Trial().Marked() {
		return func() error { return nil }, nil
	}
	return func() error { return a.beginTrial(ctx, c.Method, c.Retried()) }, a.endTrial()
}

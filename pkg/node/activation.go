// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// activateTimeout bounds one attempt at activating an actor; its calls then try again, elsewhere if need be.
	activateTimeout = 10 * time.Second
	// releaseTimeout bounds the giving back of a claim. One that stays is as good as
	// released when the node next claims the actor, or leaves.
	releaseTimeout = 10 * time.Second
	// activationBytes is what an activation takes beside its state, space and records: `make scale` measures it.
	activationBytes = 800
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

// activate claims an actor and loads its state. An activation that can't start gives its claim back.
// calls wait for it. An actor whose state or hook has failed it is left alone for a while.
func (h *host) activate(s *slot, calls []*call) (*activation, error) {
	id := s.actor
	if err := h.crashes.check(id, h.env.Monotonic()); err != nil && !deletes(calls) {
		return nil, err
	}
	spec := h.kinds[id.Namespace]
	if spec == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "node %s does not host namespace %q", h.nodeID,
			id.Namespace)
	}
	ctx, cancel := env.WithTimeout(h.env, h.ctx, activateTimeout)
	defer cancel()
	at := h.attempt(s, calls)
	got, brought, err := h.obtain(ctx, id, at)
	if errors.Is(err, kv.ErrCommitUnknown) || ctx.Err() != nil {
		// The claim may be the node's, or become it, and what the actor has to do with it: somebody must look.
		h.timers.soon(id, h.env.Now().Add(wakeAgain).UnixMilli())
	}
	if err != nil && ctx.Err() != nil {
		err = api.Errorf(api.CodeUnavailable, "actor %s could not be activated within %v: %w", id, activateTimeout, err)
	}
	if err != nil && at.Mark { // which may be stored all the same
		h.trials.marked(id, h.keeper.member().Node.Incarnation)
	}
	if err != nil || got.Claim == nil {
		h.trials.leave(s)
	}
	switch {
	case err != nil:
		return nil, err
	case got.Quarantine != nil:
		return nil, h.quarantined(id, got)
	case got.Claim == nil:
		return nil, h.router.movedTo(id, got.Owner)
	}
	a := &activation{host: h, slot: s, actor: id, spec: spec, claim: got.Claim,
		space: newSpace(got.Claim, spec.Volatile)}
	if err = a.tryActivation(ctx, at); err == nil {
		if err = got.Unreadable; err == nil {
			err = a.load(got.State, got.Attended)
		}
	}
	if api.CodeOf(err) == api.CodeCorruptState && deletes(calls) {
		if err = a.loadNothing(ctx); err == nil {
			return a, nil
		}
	}
	if err == nil {
		err = a.unpack(ctx, brought)
	}
	if err == nil {
		a.arm()
		err = a.hook(ctx, "OnActivate", spec.Activate, calls)
	}
	if err == nil && len(calls) == 0 {
		err = a.endTrial()
	}
	switch {
	case err == nil:
		h.crashes.worked(id)
		s.mu.Lock()
		s.tally = tally{began: h.env.Monotonic()}
		s.mu.Unlock()
		a.deliver()
		return a, nil
	case errors.Is(err, errAbandoned):
		return nil, err
	}
	h.trials.leave(s)
	a.ended()
	if api.CodeOf(err) == api.CodeUnknown { // what the hook did may still land: the claim is taken anew
		return nil, api.Errorf(api.CodeUnavailable, "actor %s could not be activated: %v", id, err)
	}
	h.giveBack(a)
	if hook := (*hookError)(nil); errors.As(err, &hook) { // no answer to a call, which has not been run
		err = h.crashed(id, api.Errorf(api.CodeUnavailable, "actor %s can't be activated: %v", id, hook))
	} else if api.CodeOf(err) == api.CodeCorruptState {
		err = h.crashed(id, err)
	}
	return nil, err
}

// bytes is about what the activation takes in memory.
func (a *activation) bytes() int64 {
	if a == nil {
		return 0
	}
	return int64(activationBytes + a.memory.bytes() + a.space.heldBytes + a.ledger.bytesHeld() + a.agenda.bytes())
}

// load takes what the store has of the actor: its agenda first, then its records and its state.
// attended is whether the actor's entry in the list of what is due names the node.
func (a *activation) load(stored []registry.Entry, attended bool) (err error) {
	agenda := entriesBefore(stored, recordPart)
	records := entriesBefore(stored, structPart)
	if a.agenda, err = loadAgenda(stored[:agenda], attended); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.actor, err)
	}
	if a.agenda != nil {
		a.agenda.inbox.volatile = a.spec.Volatile
	}
	if a.ledger, err = loadLedger(stored[agenda:records], a.host.maxRecords, a.spec.Volatile,
		a.claim.Version()); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.actor, err)
	}
	a.memory, err = loadMemory(a, a.spec, stored[records:])
	return err
}

// deletes reports whether one of the calls deletes the actor.
func deletes(calls []*call) bool {
	return slices.ContainsFunc(calls, func(c *call) bool { return c.method == api.MethodDestroy })
}

// deletionFirst puts a call that deletes the actor before all others.
func deletionFirst(calls []*call) []*call {
	i := slices.IndexFunc(calls, func(c *call) bool { return c.method == api.MethodDestroy })
	return slices.Concat(calls[i:i+1], calls[:i], calls[i+1:])
}

// loadNothing makes an activation of an actor whose stored state can't be read, to delete it. Nobody knows what calls
// have been done: what was born by now is refused from then on, unless it has never run.
func (a *activation) loadNothing(ctx context.Context) (err error) {
	a.unreadable = true
	now := a.claim.Version()
	a.ledger = &ledger{most: a.host.maxRecords, volatile: a.spec.Volatile, floor: now, ledgerBatch: noBatch}
	a.agenda = newAgenda()
	value, err := a.claim.Get(ctx, alarmPart)
	if err != nil {
		return err
	}
	if len(value) == 8 {
		a.agenda.due = int64(binary.BigEndian.Uint64(value))
	}
	a.memory, err = loadMemory(a, a.spec, nil)
	return err
}

// entriesBefore returns how many entries come before a key.
func entriesBefore(entries []registry.Entry, key []byte) int {
	for i, e := range entries {
		if bytes.Compare(e.Key, key) >= 0 {
			return i
		}
	}
	return len(entries)
}

// release deactivates an idle actor.
func (h *host) release(s *slot) {
	inTime, release := h.deactivate(s)
	if !inTime {
		return
	}
	activationOf(s).ended()
	if release {
		h.giveBack(activationOf(s))
	}
	s.resident = nil
}

func (h *host) giveBack(a *activation) {
	ctx, cancel := env.WithTimeout(h.env, context.WithoutCancel(h.ctx), releaseTimeout)
	defer cancel()
	err := h.releaseClaim(ctx, a)
	if err != nil {
		h.log.Warn("claim not released", "actor", a.actor.String(), "error", err)
	}
}

// releaseClaim gives an actor's claim back, and with it what the actor has to do. Until that is certain the node
// looks after it.
func (h *host) releaseClaim(ctx context.Context, a *activation) error {
	err := a.claim.Release(ctx)
	if due := a.dueAt(); err != nil && due != 0 {
		h.timers.soon(a.actor, due)
	} else if err == nil {
		h.timers.set(a.actor, 0)
	}
	return err
}

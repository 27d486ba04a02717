// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

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

// obtain claims an actor. brought is what has come along with it, if the claim was handed over and that is not behind.
func (h *host) obtain(ctx context.Context, id api.ActorID, at registry.Attempt) (got registry.Acquired,
	brought *parcel, err error) {
	if err := h.claims.Acquire(ctx, 1); err != nil {
		return got, nil, err
	}
	defer h.claims.Release(1)
	begin, end := alarmPart, kv.PrefixEnd(structPart)
	if a := h.arrivals.of(id); a != nil {
		p := a.parcel
		got, err = h.registry.Install(ctx, h.keeper.member(), id,
			registry.Arrived{Move: a.move, Seq: p.seq, State: p.state}, begin, end)
		if err != nil {
			return got, nil, err
		}
		if got.Claim != nil {
			h.arrivals.forgetActor(id)
			if got.Claim.Seq() != p.seq {
				p = nil
			}
			return got, p, nil
		}
	}
	if h.keeper.draining() {
		if err := h.refuseUnlessOwn(ctx, id); err != nil {
			return got, nil, err
		}
	}
	got, err = h.registry.AcquireFor(ctx, h.keeper.member(), id, at, begin, end)
	if err == nil && got.Claim != nil {
		h.arrivals.forgetActor(id)
		h.tellTakenOver(id, got.From)
	}
	return got, nil, err
}

// unpack takes over what has come along.
func (a *activation) unpack(ctx context.Context, p *parcel) error {
	if p == nil {
		return nil
	}
	for _, e := range p.space {
		a.space.hold(string(e.Key), e.Value)
	}
	if len(p.marks) > 0 {
		if err := a.plan().inbox.load(p.marks); err != nil {
			return err
		}
	}
	return a.unpackLuggage(ctx, p.luggage)
}

// refuseUnlessOwn refuses an actor that the node does not own already: it is emptied.
func (h *host) refuseUnlessOwn(ctx context.Context, id api.ActorID) error {
	owner, err := h.registry.Owner(ctx, id)
	if err != nil || owner.Current && owner.Node == h.nodeID {
		return err
	}
	if owner.Current {
		return h.router.movedTo(id, owner)
	}
	return refusedFor(api.RefusedDraining,
		api.Errorf(api.CodeNoCapacity, "actor %s: node %s is draining", id, h.nodeID))
}

// tellTakenOver takes note of an actor that was claimed whose owner, if it had one, is gone.
func (h *host) tellTakenOver(id api.ActorID, from string) {
	if from == "" {
		return
	}
	cause := "its node lost its lease"
	switch node, _ := h.keeper.members().Node(from); node.State {
	case registry.NodeFailed:
		cause = "its node has failed"
	case registry.NodeLeft:
		cause = "its node has left"
	}
	h.events.sum(
		api.Event{Kind: api.EventTakenOver, Node: h.nodeID, Actor: id.String(), From: from, To: h.nodeID,
			Cause: cause})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Activate claims an actor and loads its state. An activation that can't start gives its claim back.
// calls wait for it. An actor whose state or hook has failed it is left alone for a while.
func (h *Host) Activate(s *mailbox.Slot, calls []*call.Call) (*Activation, error) {
	id := s.Actor
	if err := h.crashes.check(id, h.Env.Monotonic()); err != nil && !deletes(calls) {
		return nil, err
	}
	spec := h.Kinds[id.Namespace]
	if spec == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "node %s does not host namespace %q", h.NodeID,
			id.Namespace)
	}
	ctx, cancel := env.WithTimeout(h.Env, h.Ctx, call.ActivateTimeout)
	defer cancel()
	at := h.attempt(s, calls)
	got, brought, err := h.obtain(ctx, id, at)
	if errors.Is(err, kv.ErrCommitUnknown) || ctx.Err() != nil {
		// The claim may be the node's, or become it, and what the actor has to do with it: somebody must look.
		h.Timers.Soon(id, h.Env.Now().Add(schedule.WakeAgain).UnixMilli())
	}
	if err != nil && ctx.Err() != nil {
		err = api.Errorf(api.CodeUnavailable, "actor %s could not be activated within %v: %w", id, call.ActivateTimeout, err)
	}
	if err != nil && at.Mark { // which may be stored all the same
		h.trials.marked(id, h.Keeper.Member().Node.Incarnation)
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
		return nil, h.Router.MovedTo(id, got.Owner)
	}
	a := &Activation{host: h, slot: s, Actor: id, Spec: spec, Claim: got.Claim,
		space: state.NewSpace(got.Claim, spec.Volatile)}
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
		err = a.Hook(ctx, "OnActivate", spec.Activate, calls)
	}
	if err == nil && len(calls) == 0 {
		err = a.endTrial()
	}
	switch {
	case err == nil:
		h.crashes.worked(id)
		s.Mu.Lock()
		s.Tally = telemetry.Tally{Began: h.Env.Monotonic()}
		s.Mu.Unlock()
		a.deliver()
		return a, nil
	case errors.Is(err, call.ErrAbandoned):
		return nil, err
	}
	h.trials.leave(s)
	a.Ended()
	if api.CodeOf(err) == api.CodeUnknown { // what the hook did may still land: the claim is taken anew
		return nil, api.Errorf(api.CodeUnavailable, "actor %s could not be activated: %v", id, err)
	}
	h.giveBack(a)
	if hook := (*call.HookError)(nil); errors.As(err, &hook) { // no answer to a call, which has not been run
		err = h.crashed(id, api.Errorf(api.CodeUnavailable, "actor %s can't be activated: %v", id, hook))
	} else if api.CodeOf(err) == api.CodeCorruptState {
		err = h.crashed(id, err)
	}
	return nil, err
}

// load takes what the store has of the actor: its agenda first, then its records and its state.
// attended is whether the actor's entry in the list of what is due names the node.
func (a *Activation) load(stored []registry.Entry, attended bool) (err error) {
	agenda := entriesBefore(stored, state.RecordPart)
	records := entriesBefore(stored, state.StructPart)
	if a.agenda, err = state.LoadAgenda(stored[:agenda], attended); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.Actor, err)
	}
	if a.agenda != nil {
		a.agenda.Inbox.Volatile = a.Spec.Volatile
	}
	if a.ledger, err = state.LoadLedger(stored[agenda:records], a.host.MaxRecords, a.Spec.Volatile,
		a.Claim.Version()); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.Actor, err)
	}
	a.Memory, err = state.LoadMemory(a, a.Spec, stored[records:])
	return err
}

// deletes reports whether one of the calls deletes the actor.
func deletes(calls []*call.Call) bool {
	return slices.ContainsFunc(calls, func(c *call.Call) bool { return c.Method == api.MethodDestroy })
}

// deletionFirst puts a call that deletes the actor before all others.
func deletionFirst(calls []*call.Call) []*call.Call {
	i := slices.IndexFunc(calls, func(c *call.Call) bool { return c.Method == api.MethodDestroy })
	return slices.Concat(calls[i:i+1], calls[:i], calls[i+1:])
}

// loadNothing makes an activation of an actor whose stored state can't be read, to delete it. Nobody knows what calls
// have been done: what was born by now is refused from then on, unless it has never run.
func (a *Activation) loadNothing(ctx context.Context) (err error) {
	a.unreadable = true
	now := a.Claim.Version()
	a.ledger = state.ForgottenLedger(a.host.MaxRecords, a.Spec.Volatile, now)
	a.agenda = state.NewAgenda()
	value, err := a.Claim.Get(ctx, call.AlarmPart)
	if err != nil {
		return err
	}
	if len(value) == 8 {
		a.agenda.Due = int64(binary.BigEndian.Uint64(value))
	}
	a.Memory, err = state.LoadMemory(a, a.Spec, nil)
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
func (h *Host) obtain(ctx context.Context, id api.ActorID, at registry.Attempt) (got registry.Acquired,
	brought *state.Parcel, err error) {
	if err := h.claims.Acquire(ctx, 1); err != nil {
		return got, nil, err
	}
	defer h.claims.Release(1)
	begin, end := call.AlarmPart, kv.PrefixEnd(state.StructPart)
	if a := h.Arrivals.of(id); a != nil {
		p := a.parcel
		got, err = h.Registry.Install(ctx, h.Keeper.Member(), id,
			registry.Arrived{Move: a.Move, Seq: p.Seq, State: p.State}, begin, end)
		if err != nil {
			return got, nil, err
		}
		if got.Claim != nil {
			h.Arrivals.forgetActor(id)
			if got.Claim.Seq() != p.Seq {
				p = nil
			}
			return got, p, nil
		}
	}
	if h.Keeper.Draining() {
		if err := h.refuseUnlessOwn(ctx, id); err != nil {
			return got, nil, err
		}
	}
	got, err = h.Registry.AcquireFor(ctx, h.Keeper.Member(), id, at, begin, end)
	if err == nil && got.Claim != nil {
		h.Arrivals.forgetActor(id)
		h.tellTakenOver(id, got.From)
	}
	return got, nil, err
}

// unpack takes over what has come along.
func (a *Activation) unpack(ctx context.Context, p *state.Parcel) error {
	if p == nil {
		return nil
	}
	for _, e := range p.Space {
		a.space.Hold(string(e.Key), e.Value)
	}
	if len(p.Marks) > 0 {
		if err := a.plan().Inbox.Load(p.Marks); err != nil {
			return err
		}
	}
	return a.unpackLuggage(ctx, p.Luggage)
}

// refuseUnlessOwn refuses an actor that the node does not own already: it is emptied.
func (h *Host) refuseUnlessOwn(ctx context.Context, id api.ActorID) error {
	owner, err := h.Registry.Owner(ctx, id)
	if err != nil || owner.Current && owner.Node == h.NodeID {
		return err
	}
	if owner.Current {
		return h.Router.MovedTo(id, owner)
	}
	return call.RefusedFor(api.RefusedDraining,
		api.Errorf(api.CodeNoCapacity, "actor %s: node %s is draining", id, h.NodeID))
}

// tellTakenOver takes note of an actor that was claimed whose owner, if it had one, is gone.
func (h *Host) tellTakenOver(id api.ActorID, from string) {
	if from == "" {
		return
	}
	cause := "its node lost its lease"
	switch node, _ := h.Keeper.Members().Node(from); node.State {
	case registry.NodeFailed:
		cause = "its node has failed"
	case registry.NodeLeft:
		cause = "its node has left"
	}
	h.Events.Sum(
		api.Event{Kind: api.EventTakenOver, Node: h.NodeID, Actor: id.String(), From: from, To: h.NodeID,
			Cause: cause})
}

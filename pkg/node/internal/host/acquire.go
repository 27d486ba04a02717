// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Activate claims an actor and loads its state. An activation that can't start gives its claim back.
// calls wait for it. An actor whose state or hook has failed it is left alone for a while.
func (h *Host) Activate(s *mailbox.Mailbox, calls []*call.Call) (*activation.Activation, error) {
	id := s.Actor
	if err := h.crashes.check(id, h.Env.Monotonic()); err != nil && !activation.Deletes(calls) {
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
		err = api.Errorf(api.CodeUnavailable, "actor %s could not be activated within %v: %w", id,
			call.ActivateTimeout, err)
	}
	if err != nil && at.Mark { // which may be stored all the same
		h.Trials.Marked(id, h.Members.Member().Node.Incarnation)
	}
	if err != nil || got.Claim == nil {
		h.Trials.Leave(s)
	}
	switch {
	case err != nil:
		return nil, err
	case got.Quarantine != nil:
		return nil, h.quarantined(id, got)
	case got.Claim == nil:
		return nil, h.Router.MovedTo(id, got.Owner)
	}
	a := activation.New(&h.Parts, s, spec, got.Claim)
	if err = a.Begin(ctx, got, at, brought, calls); err == nil && a.Unreadable {
		return a, nil
	}
	switch {
	case err == nil:
		h.crashes.worked(id)
		s.Activated(h.Env.Monotonic())
		a.Deliver()
		return a, nil
	case errors.Is(err, call.ErrAbandoned):
		return nil, err
	}
	h.Trials.Leave(s)
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

// obtain claims an actor. brought is what has come along with it, if the claim was handed over and that is not behind.
func (h *Host) obtain(ctx context.Context, id api.ActorID, at registry.Attempt) (got registry.Acquired,
	brought *snapshot.Snapshot, err error) {
	if err := h.Claims.Acquire(ctx, 1); err != nil {
		return got, nil, err
	}
	defer h.Claims.Release(1)
	begin, end := statekeys.Alarms, kv.PrefixEnd(statekeys.Struct)
	if a := h.Arrivals.Of(id); a != nil {
		p := a.Snapshot
		got, err = h.Registry.Install(ctx, h.Members.Member(), id,
			registry.Arrived{Move: a.Move, Seq: p.Seq, State: p.State}, begin, end)
		if err != nil {
			return got, nil, err
		}
		if got.Claim != nil {
			h.Arrivals.ForgetActor(id)
			if got.Claim.Seq() != p.Seq {
				p = nil
			}
			return got, p, nil
		}
	}
	if h.Members.Draining() {
		if err := h.refuseUnlessOwn(ctx, id); err != nil {
			return got, nil, err
		}
	}
	got, err = h.Registry.AcquireFor(ctx, h.Members.Member(), id, at, begin, end)
	if err == nil && got.Claim != nil {
		h.Arrivals.ForgetActor(id)
		h.tellTakenOver(id, got.From)
	}
	return got, nil, err
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
	switch node, _ := h.Members.Members().Node(from); node.State {
	case registry.NodeFailed:
		cause = "its node has failed"
	case registry.NodeLeft:
		cause = "its node has left"
	}
	h.Events.Sum(
		api.Event{Kind: api.EventTakenOver, Node: h.NodeID, Actor: id.String(), From: from, To: h.NodeID,
			Cause: cause})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
)

// drainToldTimeout bounds the writing down of a node's state, so that a store that is gone does not keep a node from
// stopping.
const drainToldTimeout = 3 * time.Second

// BeginDrain tells the members that the node takes no actors, and starts the job that moves those it has.
func (mv *Mover) BeginDrain(ctx context.Context, req api.BulkRequest, stopping bool) (*bulk, error) {
	if err := mv.setDraining(ctx, true); err != nil {
		return nil, err
	}
	return mv.startBulk(req, stopping)
}

// setDraining changes and announces whether the node takes actors. After an error the node goes on as before, and
// what the members know is in doubt: the store decides, and so the next call asks it again.
func (mv *Mover) setDraining(ctx context.Context, draining bool) error {
	before := mv.Keeper.Emptying.Swap(draining)
	mv.Keeper.SetDraining(draining)
	ctx, cancel := env.WithTimeout(mv.Env, ctx, drainToldTimeout)
	defer cancel()
	err := mv.Registry.SetDraining(ctx, mv.Keeper.Member(), draining)
	if err == nil {
		err = mv.Keeper.Refresh(ctx)
	}
	if err != nil {
		mv.Keeper.Emptying.Store(before)
		mv.Keeper.SetDraining(before)
		return api.Errorf(api.CodeUnavailable, "node %s: could not persist the draining state: %v", mv.NodeID,
			err)
	}
	return nil
}

// AdminBulk starts a job, here or at the node that it is about.
func (mv *Mover) AdminBulk(ctx context.Context, in *api.BulkRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulk, in)
	}
	req := *in
	req.Why = cmp.Or(req.Why, "an operator")
	if req.To != "" {
		if req.To == mv.NodeID {
			return nil, api.Errorf(api.CodeInvalidArgument, "node %s can't give actors to itself: choose another "+
				"node by --to", req.To)
		}
		if _, err := mv.Keeper.TargetNamed(ctx, req.To); err != nil {
			return nil, err
		}
	}
	if req.DryRun {
		b := &bulk{mover: mv, request: req, state: api.BulkDone}
		return &api.BulkStatus{Node: mv.NodeID, NodeState: mv.Keeper.State(), Kind: req.Kind, State: api.BulkDone,
			Why: req.Why, To: req.To, Namespace: req.Namespace, Limit: req.Limit, Rate: req.Rate,
			Failures: []api.BulkFailure{}, Total: len(b.candidates()), Left: len(b.candidates())}, nil
	}
	var b *bulk
	var err error
	switch req.Kind {
	case api.BulkDrain:
		req.Force = true
		if !mv.OthersActive() {
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is the only one that takes actors: start or "+
				"undrain another one first, or just stop this one", mv.NodeID)
		}
		b, err = mv.BeginDrain(ctx, req, false)
	case api.BulkMigrate, api.BulkRebalance:
		b, err = mv.startBulk(req, false)
	default:
		err = api.Errorf(api.CodeInvalidArgument, "a job of kind %q is not known", call.Clip(req.Kind))
	}
	if err != nil {
		return nil, err
	}
	return mv.BulkStatus(b), nil
}

// AdminBulkStatus tells how a node's latest job stands.
func (mv *Mover) AdminBulkStatus(ctx context.Context, in *api.BulkStatusRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkStatusRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulkStatus, in)
	}
	mv.Jobs.Mu.Lock()
	b := mv.Jobs.Latest
	mv.Jobs.Mu.Unlock()
	return mv.BulkStatus(b), nil
}

// AdminBulkCancel ends a node's job, and a drain with it.
func (mv *Mover) AdminBulkCancel(ctx context.Context, in *api.BulkCancelRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkCancelRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulkCancel, in)
	}
	mv.Jobs.Mu.Lock()
	b := mv.Jobs.Latest
	mv.Jobs.Mu.Unlock()
	undrain := in.Kind == "" || in.Kind == api.BulkDrain
	switch {
	case b != nil && b.Running() && (in.Kind == "" || in.Kind == b.request.Kind):
		b.Cancel(errBulkCancelled)
		if err := b.Ended.Wait(ctx); err != nil {
			return nil, call.WireError(err)
		}
	case !undrain:
		return nil, api.Errorf(api.CodeFailedPrecondition, "node %s runs no %s: see 'kelpie node show %s'",
			mv.NodeID, call.Clip(in.Kind), mv.NodeID)
	}
	// even if the node does not think so: its word that it is draining may have got through without an answer
	if undrain {
		if err := mv.setDraining(ctx, false); err != nil {
			return nil, err
		}
	}
	return mv.BulkStatus(b), nil
}

func (mv *Mover) BulkStatus(b *bulk) *api.BulkStatus {
	var s api.BulkStatus
	if b != nil {
		s = b.status()
	}
	s.Node, s.NodeState = mv.NodeID, mv.Keeper.State()
	if s.Failures == nil {
		s.Failures = []api.BulkFailure{}
	}
	return &s
}

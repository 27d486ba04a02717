// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// drainToldTimeout bounds the writing down of a node's state, so that a store that is gone does not keep a node from
// stopping.
const drainToldTimeout = 3 * time.Second

// beginDrain tells the members that the node takes no actors, and starts the job that moves those it has.
func (mv *mover) beginDrain(ctx context.Context, req api.BulkRequest, stopping bool) (*bulk, error) {
	if err := mv.setDraining(ctx, true); err != nil {
		return nil, err
	}
	return mv.startBulk(req, stopping)
}

// setDraining changes and announces whether the node takes actors. After an error the node goes on as before, and
// what the members know is in doubt: the store decides, and so the next call asks it again.
func (mv *mover) setDraining(ctx context.Context, draining bool) error {
	before := mv.keeper.emptying.Swap(draining)
	mv.keeper.setDraining(draining)
	ctx, cancel := env.WithTimeout(mv.env, ctx, drainToldTimeout)
	defer cancel()
	err := mv.registry.SetDraining(ctx, mv.keeper.member(), draining)
	if err == nil {
		err = mv.keeper.refresh(ctx)
	}
	if err != nil {
		mv.keeper.emptying.Store(before)
		mv.keeper.setDraining(before)
		return api.Errorf(api.CodeUnavailable, "node %s: could not persist the draining state: %v", mv.nodeID,
			err)
	}
	return nil
}

// adminBulk starts a job, here or at the node that it is about.
func (mv *mover) adminBulk(ctx context.Context, in *api.BulkRequest) (*api.BulkStatus, error) {
	if in.Node != mv.nodeID {
		return passOn[api.BulkRequest, api.BulkStatus](ctx, mv.peers, in.Node, api.MethodBulk, in)
	}
	req := *in
	req.Why = cmp.Or(req.Why, "an operator")
	if req.To != "" {
		if req.To == mv.nodeID {
			return nil, api.Errorf(api.CodeInvalidArgument, "node %s can't give actors to itself: choose another "+
				"node by --to", req.To)
		}
		if _, err := mv.keeper.targetNamed(ctx, req.To); err != nil {
			return nil, err
		}
	}
	if req.DryRun {
		b := &bulk{mover: mv, request: req, state: api.BulkDone}
		return &api.BulkStatus{Node: mv.nodeID, NodeState: mv.keeper.state(), Kind: req.Kind, State: api.BulkDone,
			Why: req.Why, To: req.To, Namespace: req.Namespace, Limit: req.Limit, Rate: req.Rate,
			Failures: []api.BulkFailure{}, Total: len(b.candidates()), Left: len(b.candidates())}, nil
	}
	var b *bulk
	var err error
	switch req.Kind {
	case api.BulkDrain:
		req.Force = true
		if !mv.othersActive() {
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is the only one that takes actors: start or "+
				"undrain another one first, or just stop this one", mv.nodeID)
		}
		b, err = mv.beginDrain(ctx, req, false)
	case api.BulkMigrate, api.BulkRebalance:
		b, err = mv.startBulk(req, false)
	default:
		err = api.Errorf(api.CodeInvalidArgument, "a job of kind %q is not known", clip(req.Kind))
	}
	if err != nil {
		return nil, err
	}
	return mv.bulkStatus(b), nil
}

// adminBulkStatus tells how a node's latest job stands.
func (mv *mover) adminBulkStatus(ctx context.Context, in *api.BulkStatusRequest) (*api.BulkStatus, error) {
	if in.Node != mv.nodeID {
		return passOn[api.BulkStatusRequest, api.BulkStatus](ctx, mv.peers, in.Node, api.MethodBulkStatus, in)
	}
	mv.jobs.mu.Lock()
	b := mv.jobs.latest
	mv.jobs.mu.Unlock()
	return mv.bulkStatus(b), nil
}

// adminBulkCancel ends a node's job, and a drain with it.
func (mv *mover) adminBulkCancel(ctx context.Context, in *api.BulkCancelRequest) (*api.BulkStatus, error) {
	if in.Node != mv.nodeID {
		return passOn[api.BulkCancelRequest, api.BulkStatus](ctx, mv.peers, in.Node, api.MethodBulkCancel, in)
	}
	mv.jobs.mu.Lock()
	b := mv.jobs.latest
	mv.jobs.mu.Unlock()
	undrain := in.Kind == "" || in.Kind == api.BulkDrain
	switch {
	case b != nil && b.running() && (in.Kind == "" || in.Kind == b.request.Kind):
		b.cancel(errBulkCancelled)
		if err := b.ended.Wait(ctx); err != nil {
			return nil, wireError(err)
		}
	case !undrain:
		return nil, api.Errorf(api.CodeFailedPrecondition, "node %s runs no %s: see 'kelpie node show %s'",
			mv.nodeID, clip(in.Kind), mv.nodeID)
	}
	// even if the node does not think so: its word that it is draining may have got through without an answer
	if undrain {
		if err := mv.setDraining(ctx, false); err != nil {
			return nil, err
		}
	}
	return mv.bulkStatus(b), nil
}

func (mv *mover) bulkStatus(b *bulk) *api.BulkStatus {
	var s api.BulkStatus
	if b != nil {
		s = b.status()
	}
	s.Node, s.NodeState = mv.nodeID, mv.keeper.state()
	if s.Failures == nil {
		s.Failures = []api.BulkFailure{}
	}
	return &s
}

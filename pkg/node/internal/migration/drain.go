// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
)

// drainToldTimeout bounds the writing down of a node's state, so that a store that is gone does not keep a node from
// stopping.
const drainToldTimeout = 3 * time.Second

// Drain has the node, which is about to stop, take no more actors and moves those it has to other nodes, until none
// is left, no other node takes any or hosts what is left, or ctx ends. It returns how many are left. The node goes on
// serving, and Stop is still to be called. An error says why the drain could not begin, or that ctx has ended.
func (mv *Migrator) Drain(ctx context.Context, why string) (left int, err error) {
	if !mv.othersActive() {
		return mv.Mailboxes.Load().Activations, nil
	}
	b, err := mv.beginDrain(ctx, api.BulkRequest{Node: mv.NodeID, Kind: api.BulkDrain, Force: true, Why: why},
		true)
	if err != nil {
		return mv.Mailboxes.Load().Activations, err
	}
	err = b.ended.Wait(ctx)
	if err != nil {
		b.cancel(errJobTimedOut)
	}
	return mv.Mailboxes.Load().Activations, err
}

// beginDrain tells the members that the node takes no actors, and starts the job that moves those it has.
func (mv *Migrator) beginDrain(ctx context.Context, req api.BulkRequest, stopping bool) (*job, error) {
	if err := mv.setDraining(ctx, true); err != nil {
		return nil, err
	}
	return mv.startBulk(req, stopping)
}

// setDraining changes and announces whether the node takes actors. After an error the node goes on as before, and
// what the members know is in doubt: the store decides, and so the next call asks it again.
func (mv *Migrator) setDraining(ctx context.Context, draining bool) error {
	before := mv.Members.Emptying.Swap(draining)
	mv.Members.SetDraining(draining)
	ctx, cancel := env.WithTimeout(mv.Env, ctx, drainToldTimeout)
	defer cancel()
	err := mv.Registry.SetDraining(ctx, mv.Members.Member(), draining)
	if err == nil {
		err = mv.Members.Refresh(ctx)
	}
	if err != nil {
		mv.Members.Emptying.Store(before)
		mv.Members.SetDraining(before)
		return api.Errorf(api.CodeUnavailable, "node %s: could not persist the draining state: %v", mv.NodeID,
			err)
	}
	return nil
}

// AdminBulk starts a job, here or at the node that it is about.
func (mv *Migrator) ServeBulk(ctx context.Context, in *api.BulkRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulk, in)
	}
	if err := mv.checkBulk(in); err != nil {
		return nil, err
	}
	// An operator has just drained or undrained another node, perhaps: the last heartbeat's view may not say so.
	if err := mv.Members.Refresh(ctx); err != nil {
		return nil, call.WireError(err)
	}
	req := *in
	req.Why = cmp.Or(req.Why, "an operator")
	if req.To != "" {
		if req.To == mv.NodeID {
			return nil, api.Errorf(api.CodeInvalidArgument, "node %s can't give actors to itself: choose another "+
				"node by --to", req.To)
		}
		if _, err := mv.Members.TargetNamed(ctx, req.To); err != nil {
			return nil, err
		}
	}
	if req.DryRun {
		b := &job{mover: mv, request: req, state: api.BulkDone}
		total := len(b.candidates())
		return &api.BulkStatus{Node: mv.NodeID, NodeState: mv.Members.State(), Kind: req.Kind, State: api.BulkDone,
			Why: req.Why, To: req.To, Namespace: req.Namespace, Limit: req.Limit, Rate: req.Rate,
			Failures: []api.BulkFailure{}, Reasons: []api.BulkReason{}, Total: total, Left: total}, nil
	}
	var b *job
	var err error
	switch req.Kind {
	case api.BulkDrain:
		req.Force = true
		if !mv.othersActive() {
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is the only one that takes actors: start or "+
				"undrain another one first, or just stop this one", mv.NodeID)
		}
		b, err = mv.beginDrain(ctx, req, false)
	case api.BulkMigrate, api.BulkRebalance:
		b, err = mv.startBulk(req, false)
	default:
		err = api.Errorf(api.CodeInvalidArgument, "a job of kind %q is not known", call.Clip(req.Kind))
	}
	if err != nil {
		return nil, err
	}
	return mv.bulkStatus(b), nil
}

// bulkTimeoutMax is the longest time of a job.
const bulkTimeoutMax = 366 * 24 * time.Hour

// checkBulk refuses a job whose numbers make no sense, or that gives a node two shares of one namespace: every share is
// a pass over the node's actors.
func (mv *Migrator) checkBulk(in *api.BulkRequest) error {
	switch {
	case in.Limit < 0:
		return api.Errorf(api.CodeInvalidArgument, "a job of %d actors: must not be negative (0 is all)", in.Limit)
	case in.Rate != 0 && (math.IsNaN(in.Rate) || in.Rate < api.BulkRateMin):
		return api.Errorf(api.CodeInvalidArgument, "a rate of %v actors a second: must be at least %v (0 is any)",
			in.Rate, api.BulkRateMin)
	case in.TimeoutMillis < 0 || in.TimeoutMillis > bulkTimeoutMax.Milliseconds():
		return api.Errorf(api.CodeInvalidArgument, "a timeout of %d ms: must be between 0 (none) and %d",
			in.TimeoutMillis, bulkTimeoutMax.Milliseconds())
	}
	type key struct{ to, namespace string }
	given := make(map[key]bool)
	for _, share := range in.Shares {
		k := key{share.To, share.Namespace}
		if given[k] {
			return api.Errorf(api.CodeInvalidArgument, "two shares of node %s", call.Clip(share.To))
		}
		given[k] = true
	}
	return nil
}

// ServeBulkStatus tells how a node's latest job stands.
func (mv *Migrator) ServeBulkStatus(ctx context.Context, in *api.BulkStatusRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkStatusRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulkStatus,
			in)
	}
	b := mv.jobs.latestJob()
	return mv.bulkStatus(b), nil
}

// ServeBulkCancel ends a node's job, and a drain with it.
func (mv *Migrator) ServeBulkCancel(ctx context.Context, in *api.BulkCancelRequest) (*api.BulkStatus, error) {
	if in.Node != mv.NodeID {
		return membership.PassOn[api.BulkCancelRequest, api.BulkStatus](ctx, mv.Peers, in.Node, api.MethodBulkCancel,
			in)
	}
	b := mv.jobs.latestJob()
	undrain := in.Kind == "" || in.Kind == api.BulkDrain
	switch {
	case b != nil && b.running() && (in.Kind == "" || in.Kind == b.request.Kind):
		b.cancel(errJobCancelled)
		if err := b.ended.Wait(ctx); err != nil {
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
	return mv.bulkStatus(b), nil
}

func (mv *Migrator) bulkStatus(b *job) *api.BulkStatus {
	var s api.BulkStatus
	if b != nil {
		s = b.status()
	}
	s.Node, s.NodeState = mv.NodeID, mv.Members.State()
	if s.Failures == nil {
		s.Failures = []api.BulkFailure{}
	}
	if s.Reasons == nil {
		s.Reasons = []api.BulkReason{}
	}
	return &s
}

// RunningJob is how the node's bulk job is doing, nil if none runs.
func (mv *Migrator) RunningJob() *api.BulkStatus {
	b := mv.jobs.latestJob()
	if b == nil || !b.running() {
		return nil
	}
	return mv.bulkStatus(b)
}

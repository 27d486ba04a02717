// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// drainToldTimeout bounds the writing down of a node's state, so that a store that is gone does not keep a node from
// stopping.
const drainToldTimeout = 3 * time.Second

// draining reports whether the node takes no actors that it does not own.
func (k *keeper) draining() bool { return k.emptying.Load() }

// Drain has the node, which is about to stop, take no more actors and moves those it has to other nodes, until none
// is left, no other node takes any or hosts what is left, or ctx ends. It returns how many are left. The node goes on
// serving, and Stop is still to be called. An error says why the drain could not begin, or that ctx has ended.
func (n *Node) Drain(ctx context.Context, why string) (left int, err error) {
	if !n.mover.othersActive() {
		return n.dispatcher.load().Activations, nil
	}
	b, err := n.mover.beginDrain(ctx, api.BulkRequest{Node: n.nodeID, Kind: api.BulkDrain, Force: true, Why: why},
		true)
	if err != nil {
		return n.dispatcher.load().Activations, err
	}
	err = b.ended.Wait(ctx)
	if err != nil {
		b.cancel(errBulkTimedOut)
	}
	return n.dispatcher.load().Activations, err
}

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

// state is the node's own, as the members are told.
func (k *keeper) state() string {
	if node, ok := k.members().Node(k.nodeID); ok {
		return string(node.State)
	}
	return ""
}

// passOn sends a request to the member that it is about. One that does not answer may have left, which this node has
// not heard yet.
func passOn[Req, Resp any](ctx context.Context, n *peers, to, method string, in *Req) (*Resp, error) {
	member := func(node registry.NodeInfo) bool { return node.Member() }
	if _, _, err := n.keeper.node(ctx, to, member); err != nil {
		return nil, wireError(err)
	}
	node, err := n.keeper.memberNamed(to)
	if err != nil {
		return nil, err
	}
	reply, err := rpc.CallTyped[Req, Resp](ctx, n.pool, node.Address, method, in)
	if api.CodeOf(err) != api.CodeUnavailable || !rpc.NotSent(err) {
		return reply, err
	}
	if failed := n.keeper.refresh(ctx); failed != nil {
		return nil, wireError(failed)
	}
	if _, gone := n.keeper.memberNamed(to); gone != nil {
		return nil, gone
	}
	return nil, api.Errorf(api.CodeUnavailable, "node %s does not answer: %v", to, err)
}

// memberNamed returns another node that is a member, as far as this one knows.
func (k *keeper) memberNamed(name string) (registry.NodeInfo, error) {
	node, ok := k.members().Node(name)
	switch {
	case !ok:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", clip(name))
	case !node.Member():
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name,
			node.State)
	case node.ID == k.nodeID:
		return node, api.Errorf(api.CodeInternal, "node %s passes requests on to itself", name)
	}
	return node, nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"math"
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
func (n *Node) draining() bool { return n.emptying.Load() }

// Drain has the node, which is about to stop, take no more actors and moves those it has to other nodes, until none
// is left, no other node takes any or hosts what is left, or ctx ends. It returns how many are left. The node goes on
// serving, and Stop is still to be called. An error says why the drain could not begin, or that ctx has ended.
func (n *Node) Drain(ctx context.Context, why string) (left int, err error) {
	if !n.othersActive() {
		return n.dispatcher.load().Activations, nil
	}
	b, err := n.beginDrain(ctx, api.BulkRequest{Node: n.config.NodeID, Kind: api.BulkDrain, Force: true, Why: why},
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
func (n *Node) beginDrain(ctx context.Context, req api.BulkRequest, stopping bool) (*bulk, error) {
	if err := n.setDraining(ctx, true); err != nil {
		return nil, err
	}
	return n.startBulk(req, stopping)
}

// setDraining changes and announces whether the node takes actors. After an error the node goes on as before, and
// what the members know is in doubt: the store decides, and so the next call asks it again.
func (n *Node) setDraining(ctx context.Context, draining bool) error {
	before := n.emptying.Swap(draining)
	n.keeper.setDraining(draining)
	ctx, cancel := env.WithTimeout(n.env, ctx, drainToldTimeout)
	defer cancel()
	err := n.registry.SetDraining(ctx, n.keeper.member(), draining)
	if err == nil {
		err = n.keeper.refresh(ctx)
	}
	if err != nil {
		n.emptying.Store(before)
		n.keeper.setDraining(before)
		return api.Errorf(api.CodeUnavailable, "node %s: could not persist the draining state: %v", n.config.NodeID,
			err)
	}
	return nil
}

// adminBulk starts a job, here or at the node that it is about.
func (n *Node) adminBulk(ctx context.Context, in *api.BulkRequest) (*api.BulkStatus, error) {
	if in.Node != n.config.NodeID {
		return passOn[api.BulkRequest, api.BulkStatus](ctx, n, in.Node, api.MethodBulk, in)
	}
	if err := n.checkBulk(in); err != nil {
		return nil, err
	}
	req := *in
	req.Why = cmp.Or(req.Why, "an operator")
	if req.To != "" {
		if req.To == n.config.NodeID {
			return nil, api.Errorf(api.CodeInvalidArgument, "node %s can't give actors to itself: choose another "+
				"node by --to", req.To)
		}
		if _, err := n.targetNamed(ctx, req.To); err != nil {
			return nil, err
		}
	}
	if req.DryRun {
		b := &bulk{node: n, request: req, state: api.BulkDone}
		total := len(b.candidates())
		return &api.BulkStatus{Node: n.config.NodeID, NodeState: n.state(), Kind: req.Kind, State: api.BulkDone,
			Why: req.Why, To: req.To, Namespace: req.Namespace, Limit: req.Limit, Rate: req.Rate,
			Failures: []api.BulkFailure{}, Total: total, Left: total}, nil
	}
	var b *bulk
	var err error
	switch req.Kind {
	case api.BulkDrain:
		req.Force = true
		if !n.othersActive() {
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is the only one that takes actors: start or "+
				"undrain another one first, or just stop this one", n.config.NodeID)
		}
		b, err = n.beginDrain(ctx, req, false)
	case api.BulkMigrate, api.BulkRebalance:
		b, err = n.startBulk(req, false)
	default:
		err = api.Errorf(api.CodeInvalidArgument, "a job of kind %q is not known", clip(req.Kind))
	}
	if err != nil {
		return nil, err
	}
	return n.bulkStatus(b), nil
}

// bulkTimeoutMax is the longest time of a job.
const bulkTimeoutMax = 366 * 24 * time.Hour

// checkBulk refuses a job whose numbers make no sense, or that gives a node two shares: every share is a pass over
// the node's actors.
func (n *Node) checkBulk(in *api.BulkRequest) error {
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
	given := make(map[string]bool)
	for _, share := range in.Shares {
		if given[share.To] {
			return api.Errorf(api.CodeInvalidArgument, "two shares of node %s", clip(share.To))
		}
		given[share.To] = true
	}
	return nil
}

// adminBulkStatus tells how a node's latest job stands.
func (n *Node) adminBulkStatus(ctx context.Context, in *api.BulkStatusRequest) (*api.BulkStatus, error) {
	if in.Node != n.config.NodeID {
		return passOn[api.BulkStatusRequest, api.BulkStatus](ctx, n, in.Node, api.MethodBulkStatus, in)
	}
	n.jobs.mu.Lock()
	b := n.jobs.latest
	n.jobs.mu.Unlock()
	return n.bulkStatus(b), nil
}

// adminBulkCancel ends a node's job, and a drain with it.
func (n *Node) adminBulkCancel(ctx context.Context, in *api.BulkCancelRequest) (*api.BulkStatus, error) {
	if in.Node != n.config.NodeID {
		return passOn[api.BulkCancelRequest, api.BulkStatus](ctx, n, in.Node, api.MethodBulkCancel, in)
	}
	n.jobs.mu.Lock()
	b := n.jobs.latest
	n.jobs.mu.Unlock()
	undrain := in.Kind == "" || in.Kind == api.BulkDrain
	switch {
	case b != nil && b.running() && (in.Kind == "" || in.Kind == b.request.Kind):
		b.cancel(errBulkCancelled)
		if err := b.ended.Wait(ctx); err != nil {
			return nil, wireError(err)
		}
	case !undrain:
		return nil, api.Errorf(api.CodeFailedPrecondition, "node %s runs no %s: see 'kelpie node show %s'",
			n.config.NodeID, clip(in.Kind), n.config.NodeID)
	}
	// even if the node does not think so: its word that it is draining may have got through without an answer
	if undrain {
		if err := n.setDraining(ctx, false); err != nil {
			return nil, err
		}
	}
	return n.bulkStatus(b), nil
}

func (n *Node) bulkStatus(b *bulk) *api.BulkStatus {
	var s api.BulkStatus
	if b != nil {
		s = b.status()
	}
	s.Node, s.NodeState = n.config.NodeID, n.state()
	if s.Failures == nil {
		s.Failures = []api.BulkFailure{}
	}
	return &s
}

// state is the node's own, as the members are told.
func (n *Node) state() string {
	if node, ok := n.keeper.members().Node(n.config.NodeID); ok {
		return string(node.State)
	}
	return ""
}

// passOn sends a request to the member that it is about. One that does not answer may have left, which this node has
// not heard yet.
func passOn[Req, Resp any](ctx context.Context, n *Node, to, method string, in *Req) (*Resp, error) {
	member := func(node registry.NodeInfo) bool { return node.Member() }
	if _, _, err := n.keeper.node(ctx, to, member); err != nil {
		return nil, wireError(err)
	}
	node, err := n.memberNamed(to)
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
	if _, gone := n.memberNamed(to); gone != nil {
		return nil, gone
	}
	return nil, api.Errorf(api.CodeUnavailable, "node %s does not answer: %v", to, err)
}

// memberNamed returns another node that is a member, as far as this one knows.
func (n *Node) memberNamed(name string) (registry.NodeInfo, error) {
	node, ok := n.keeper.members().Node(name)
	switch {
	case !ok:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", clip(name))
	case !node.Member():
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name,
			node.State)
	case node.ID == n.config.NodeID:
		return node, api.Errorf(api.CodeInternal, "node %s passes requests on to itself", name)
	}
	return node, nil
}

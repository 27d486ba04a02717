// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// peers asks other members.
type peers struct {
	scope
	keeper *keeper
	pool   *rpc.Pool
}

// draining reports whether the node takes no actors that it does not own.
func (k *keeper) draining() bool { return k.emptying.Load() }

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

// askedAtOnce is how many nodes are asked at once what they know.
const askedAtOnce = 64

// askTimeout is how long each has to answer: who looks would rather see the others.
const askTimeout = 2 * time.Second

// memberAnswer is what a member has answered.
type memberAnswer[Resp any] struct {
	node  registry.NodeInfo
	reply *Resp
	err   error
}

// askMembers asks all other members the same, some at a time, and returns their answers in order of name.
func askMembers[Req, Resp any](ctx context.Context, n *peers, method string, req *Req) []memberAnswer[Resp] {
	var out []memberAnswer[Resp]
	for _, m := range n.keeper.members().Members() {
		if m.ID != n.nodeID {
			out = append(out, memberAnswer[Resp]{node: m})
		}
	}
	permits := env.NewSemaphore(n.env, askedAtOnce)
	all := env.NewGroup(n.env, ctx)
	defer all.Stop()
	for i := range out {
		if err := permits.Acquire(ctx, 1); err != nil {
			out[i].err = err
			continue
		}
		all.Go("ask a member", func(ctx context.Context) {
			defer permits.Release(1)
			ctx, cancel := env.WithTimeout(n.env, ctx, askTimeout)
			defer cancel()
			out[i].reply, out[i].err = rpc.CallTyped[Req, Resp](ctx, n.pool, out[i].node.Address, method, req)
		})
	}
	// Each ends with ctx or after its timeout.
	_ = all.Wait(context.WithoutCancel(ctx))
	return out
}

// targetNamed returns a node that actors can move to.
func (k *keeper) targetNamed(ctx context.Context, name string) (registry.NodeInfo, error) {
	node, known, err := k.node(ctx, name, func(node registry.NodeInfo) bool {
		return node.State == registry.NodeActive
	})
	switch {
	case err != nil:
		return node, wireError(err)
	case !known:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", clip(name))
	case node.State == registry.NodeDraining:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is draining: choose another one, or 'kelpie "+
			"node undrain %s'", name, name)
	case node.State != registry.NodeActive:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name,
			node.State)
	}
	return node, nil
}

func (k *keeper) incarnation() string {
	if m := k.member(); m != nil {
		return m.Node.Incarnation.String()
	}
	return ""
}

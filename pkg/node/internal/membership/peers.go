// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Peers asks other members.
type Peers struct {
	telemetry.Scope
	Members *Manager
	Pool    *rpc.Pool
}

// Draining reports whether the node takes no actors that it does not own.
func (k *Manager) Draining() bool { return k.Emptying.Load() }

// State is the node's own, as the members are told.
func (k *Manager) State() string {
	if node, ok := k.Members().Node(k.NodeID); ok {
		return string(node.State)
	}
	return ""
}

// PassOn sends a request to the member that it is about. One that does not answer may have left, which this node has
// not heard yet.
func PassOn[Req, Resp any](ctx context.Context, n *Peers, to, method string, in *Req) (*Resp, error) {
	member := func(node registry.NodeInfo) bool { return node.Member() }
	if _, _, err := n.Members.Node(ctx, to, member); err != nil {
		return nil, call.WireError(err)
	}
	node, err := n.Members.memberNamed(to)
	if err != nil {
		return nil, err
	}
	reply, err := rpc.CallTyped[Req, Resp](ctx, n.Pool, node.Address, method, in)
	if api.CodeOf(err) != api.CodeUnavailable || !rpc.NotSent(err) {
		return reply, err
	}
	if failed := n.Members.Refresh(ctx); failed != nil {
		return nil, call.WireError(failed)
	}
	if _, gone := n.Members.memberNamed(to); gone != nil {
		return nil, gone
	}
	return nil, api.Errorf(api.CodeUnavailable, "node %s does not answer: %v", to, err)
}

// memberNamed returns another node that is a member, as far as this one knows.
func (k *Manager) memberNamed(name string) (registry.NodeInfo, error) {
	node, ok := k.Members().Node(name)
	switch {
	case !ok:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", call.Clip(name))
	case !node.Member():
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name,
			node.State)
	case node.ID == k.NodeID:
		return node, api.Errorf(api.CodeInternal, "node %s passes requests on to itself", name)
	}
	return node, nil
}

// askedAtOnce is how many nodes are asked at once what they know.
const askedAtOnce = 64

// AskTimeout is how long each has to answer: who looks would rather see the others.
const AskTimeout = 2 * time.Second

// MemberAnswer is what a member has answered.
type MemberAnswer[Resp any] struct {
	Node  registry.NodeInfo
	Reply *Resp
	Err   error
}

// AskMembers asks all other members the same, some at a time, and returns their answers in order of name.
func AskMembers[Req, Resp any](ctx context.Context, n *Peers, method string, req *Req) []MemberAnswer[Resp] {
	var out []MemberAnswer[Resp]
	for _, m := range n.Members.Members().Members() {
		if m.ID != n.NodeID {
			out = append(out, MemberAnswer[Resp]{Node: m})
		}
	}
	permits := env.NewSemaphore(n.Env, askedAtOnce)
	all := env.NewGroup(n.Env, ctx)
	defer all.Stop()
	for i := range out {
		if err := permits.Acquire(ctx, 1); err != nil {
			out[i].Err = err
			continue
		}
		all.Go("ask a member", func(ctx context.Context) {
			defer permits.Release(1)
			ctx, cancel := env.WithTimeout(n.Env, ctx, AskTimeout)
			defer cancel()
			out[i].Reply, out[i].Err = rpc.CallTyped[Req, Resp](ctx, n.Pool, out[i].Node.Address, method, req)
		})
	}
	// Each ends with ctx or after its timeout.
	_ = all.Wait(context.WithoutCancel(ctx))
	return out
}

// TargetNamed returns a node that actors can move to.
func (k *Manager) TargetNamed(ctx context.Context, name string) (registry.NodeInfo, error) {
	node, known, err := k.Node(ctx, name, func(node registry.NodeInfo) bool {
		return node.State == registry.NodeActive
	})
	switch {
	case err != nil:
		return node, call.WireError(err)
	case !known:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", call.Clip(name))
	case node.State == registry.NodeDraining:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is draining: choose another one, or 'kelpie "+
			"node undrain %s'", name, name)
	case node.State != registry.NodeActive:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name,
			node.State)
	}
	return node, nil
}

// Incarnation returns the node's own, "" before it has joined.
func (k *Manager) Incarnation() string {
	if m := k.Member(); m != nil {
		return m.Node.Incarnation.String()
	}
	return ""
}

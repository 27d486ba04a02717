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

const (
	// migrateHopsMax is how often a request to move or deactivate an actor follows the actor.
	migrateHopsMax = 5
	// arrivalPause is how long an actor is waited for, each time, that its owner does not have yet, or has no more.
	arrivalPause = 50 * time.Millisecond
)

// adminMigrate moves an actor, or passes the request on to the node that has it.
func (n *Node) adminMigrate(ctx context.Context, in *api.MigrateRequest) (*api.MigrateReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if in.To != "" {
		if _, err := n.targetNamed(ctx, in.To); err != nil {
			return nil, err
		}
	}
	for ; ; in.Hops++ {
		owner, err := n.registry.Owner(ctx, id)
		switch {
		case err != nil:
			return nil, wireError(err)
		case !owner.Current:
			return nil, api.Errorf(api.CodeFailedPrecondition, "actor %s is active on no node: its next call places it", id)
		case in.Hops >= migrateHopsMax:
			return nil, api.Errorf(api.CodeUnavailable, "actor %s keeps moving: it was looked for on %d nodes", id, in.Hops)
		case owner.Node == in.To:
			return &api.MigrateReply{Actor: in.Actor, From: owner.Node, To: in.To, Token: owner.Token}, nil
		case owner.Node != n.config.NodeID:
			return n.passOnMigrate(ctx, in, owner)
		}
		reply, err := n.migrateFrom(ctx, id, in)
		if api.CodeOf(err) != api.CodeMoved {
			return reply, err
		}
		if err := env.Sleep(n.env, ctx, arrivalPause); err != nil { // it is on its way, here or away
			return nil, wireError(err)
		}
	}
}

// passOnMigrate sends a request to move an actor to its owner.
func (n *Node) passOnMigrate(ctx context.Context, in *api.MigrateRequest, owner registry.Owner) (*api.MigrateReply, error) {
	node, err := n.ownerNode(ctx, in.Actor, owner)
	if err != nil {
		return nil, err
	}
	next := *in
	next.Hops++
	return rpc.CallTyped[api.MigrateRequest, api.MigrateReply](ctx, n.pool, node.Address, api.MethodMigrate, &next)
}

// ownerNode returns the node that owns an actor, which this one's view may not know yet.
func (n *Node) ownerNode(ctx context.Context, actor string, owner registry.Owner) (registry.NodeInfo, error) {
	node, ok := n.keeper.members().Node(owner.Node)
	if ok && node.Incarnation == owner.Incarnation {
		return node, nil
	}
	if err := n.keeper.refresh(ctx); err != nil {
		return node, wireError(err)
	}
	if node, ok = n.keeper.members().Node(owner.Node); !ok {
		return node, api.Errorf(api.CodeUnavailable, "actor %s: its owner, node %s, is not known", actor, owner.Node)
	}
	return node, nil
}

// migrateFrom moves an actor away from this node, which owns it.
func (n *Node) migrateFrom(ctx context.Context, id api.ActorID, in *api.MigrateRequest) (*api.MigrateReply, error) {
	why := cmp.Or(in.Why, "an operator")
	var to registry.NodeInfo
	var how moved
	var err error
	if in.To == "" {
		to, how, err = n.moveToAny(ctx, id, in.Force, why)
	} else if to, err = n.targetNamed(ctx, in.To); err == nil {
		how, err = n.migrate(ctx, id, to, in.Force, why)
	}
	if err != nil {
		return nil, err
	}
	n.log.Debug("actor moved", "actor", in.Actor, "to", to.ID, "token", how.token, "pause", how.pause)
	return &api.MigrateReply{Actor: in.Actor, From: n.config.NodeID, To: to.ID, Moved: true, Token: how.token, PauseMicros: how.pause.Microseconds()}, nil
}

// targetNamed returns a node that actors can move to.
func (n *Node) targetNamed(ctx context.Context, name string) (registry.NodeInfo, error) {
	node, ok := n.keeper.members().Node(name)
	if !ok || node.State != registry.NodeActive { // the view may be behind
		if err := n.keeper.refresh(ctx); err != nil {
			return node, wireError(err)
		}
		node, ok = n.keeper.members().Node(name)
	}
	switch {
	case !ok:
		return node, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", clip(name))
	case node.State == registry.NodeDraining:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is draining: choose another one, or 'kelpie node undrain %s'", name, name)
	case node.State != registry.NodeActive:
		return node, api.Errorf(api.CodeFailedPrecondition, "node %s is not a member of the cluster: it is %s", name, node.State)
	}
	return node, nil
}

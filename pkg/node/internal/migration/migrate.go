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
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// migrateHopsMax is how often a request to move or deactivate an actor follows the actor.
	migrateHopsMax = 5
	// arrivalPause is how long an actor is waited for, each time, that its owner does not have yet, or has no more.
	arrivalPause = 50 * time.Millisecond
)

// AdminMigrate moves an actor, or passes the request on to the node that has it.
func (mv *Migrator) ServeMigrate(ctx context.Context, in *api.MigrateRequest) (*api.MigrateReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if in.To != "" {
		if _, err := mv.Members.TargetNamed(ctx, in.To); err != nil {
			return nil, err
		}
	}
	return atOwner(ctx, mv, api.MethodMigrate, id, in, &in.Hops, func(owner registry.Owner) (*api.MigrateReply, error) {
		switch {
		case !owner.Current:
			return nil, api.Errorf(api.CodeFailedPrecondition,
				"actor %s is active on no node: its next call places it", id)
		case owner.Node == in.To:
			return &api.MigrateReply{Actor: in.Actor, From: owner.Node, To: in.To, Token: owner.Token}, nil
		case owner.Node != mv.NodeID:
			return nil, nil
		}
		return mv.migrateFrom(ctx, id, in)
	})
}

// atOwner serves a request about an actor where it is. serve answers what needs no owner, or what this node, the
// owner, is asked for; it returns nil for a request that another owner is to get. While the actor is on its way, here
// or away, its owner is looked for again, on at most migrateHopsMax nodes: hops, of the request, counts them.
func atOwner[Req, Resp any](
	ctx context.Context, n *Migrator, method string, id api.ActorID, in *Req, hops *int,
	serve func(owner registry.Owner) (*Resp, error),
) (*Resp, error) {
	for ; ; *hops++ {
		owner, err := n.Registry.Owner(ctx, id)
		if err != nil {
			return nil, call.WireError(err)
		}
		if owner.Current && *hops >= migrateHopsMax {
			return nil, api.Errorf(api.CodeUnavailable, "actor %s keeps moving: it was looked for on %d nodes", id,
				*hops)
		}
		reply, err := serve(owner)
		if reply == nil && err == nil {
			*hops++
			return passToOwner[Req, Resp](ctx, n, method, id, in, owner)
		}
		if api.CodeOf(err) != api.CodeMoved {
			return reply, err
		}
		if err := env.Sleep(n.Env, ctx, arrivalPause); err != nil {
			return nil, call.WireError(err)
		}
	}
}

// passToOwner sends a request about an actor to its owner, which this node's view may not know yet.
func passToOwner[Req, Resp any](
	ctx context.Context, n *Migrator, method string, id api.ActorID, in *Req, owner registry.Owner,
) (*Resp, error) {
	node, known, err := n.Members.Owner(ctx, owner)
	if err != nil {
		return nil, call.WireError(err)
	}
	if !known {
		return nil, call.ErrOwnerUnknown(id, owner.Node)
	}
	return rpc.CallTyped[Req, Resp](ctx, n.Pool, node.Address, method, in)
}

// migrateFrom moves an actor away from this node, which owns it.
func (mv *Migrator) migrateFrom(ctx context.Context, id api.ActorID, in *api.MigrateRequest) (*api.MigrateReply,
	error) {
	why := cmp.Or(in.Why, "an operator")
	var to registry.NodeInfo
	var how moved
	var err error
	if in.To == "" {
		to, how, err = mv.moveToAny(ctx, id, in.Force, why)
	} else if to, err = mv.Members.TargetNamed(ctx, in.To); err == nil {
		how, err = mv.migrate(ctx, id, to, in.Force, why)
	}
	if err != nil {
		return nil, err
	}
	mv.Log.Debug("actor moved", "actor", in.Actor, "to", to.ID, "token", how.token, "pause", how.pause)
	return &api.MigrateReply{Actor: in.Actor, From: mv.NodeID, To: to.ID, Moved: true, Token: how.token,
		PauseMicros: how.pause.Microseconds()}, nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// MovePrepare agrees to take an actor, or says why not.
func (mv *Migrator) ServePrepare(ctx context.Context, in *api.MovePrepareRequest) (*api.MovePrepareReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if len(in.Move) != len(api.MoveID{}) {
		return nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move")
	}
	if mv.Kinds[id.Namespace] == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "it does not host namespace %q", id.Namespace)
	}
	if mv.Members.Draining() {
		return nil, call.RefusedFor(api.RefusedDraining, api.Errorf(api.CodeNoCapacity, "it is draining"))
	}
	if err := mv.Mailboxes.Room(mv.Host.Arrivals.Expected()); err != nil {
		return nil, err
	}
	member := func(node registry.NodeInfo) bool { return node.Member() }
	if from, known, err := mv.Members.Node(ctx, in.From, member); err != nil || !known || !member(from) {
		return nil, api.Errorf(api.CodeNoCapacity, "it knows no member %q that the actor could come from",
			call.Clip(in.From))
	}
	err = mv.Host.Arrivals.Expect(&snapshot.Arrival{Move: api.MoveID(in.Move), Actor: id, From: in.From,
		Touched: mv.Env.Monotonic()})
	if err != nil {
		return nil, err
	}
	return &api.MovePrepareReply{Incarnation: mv.Members.Incarnation()}, nil
}

// ServePiece takes a piece of a snapshot.
func (mv *Migrator) ServePiece(_ context.Context, req *rpc.Request) ([]byte, error) {
	p, err := api.DecodeMovePieceRequest(req.Payload)
	if err != nil {
		return nil, err
	}
	return nil, mv.Host.Arrivals.Receive(&p, mv.Env.Monotonic())
}

// ServeCancel forgets a move that its source has given up.
func (mv *Migrator) ServeCancel(req *rpc.Request) {
	if len(req.Payload) == len(api.MoveID{}) {
		mv.Host.Arrivals.Forget(api.MoveID(req.Payload))
	}
	req.Reply(nil, nil)
}

// MoveComplete activates an actor whose claim was handed over, unless a call has already. It runs on the task that
// reads the connection, and so comes before the calls that the source sends behind it.
func (mv *Migrator) ServeComplete(req *rpc.Request) {
	if len(req.Payload) != len(api.MoveID{}) {
		req.Reply(nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move"))
		return
	}
	id, ok := mv.Host.Arrivals.Actor(api.MoveID(req.Payload))
	if !ok {
		req.Reply(nil, nil)
		return
	}
	mv.Moves.came(id, mv.Env.Monotonic())
	mv.Waker.WakeHere(id, func(err error) { req.Reply(nil, err) })
}

// tidy drops what has come of moves that have ended.
func (mv *Migrator) tidy() {
	now := mv.Env.Monotonic()
	mv.Host.Arrivals.Expire(now)
	mv.Moves.forget(now)
}

// Watch forgets what has come of moves that have ended, until ctx ends.
func (mv *Migrator) Watch(ctx context.Context) {
	for env.Sleep(mv.Env, ctx, time.Second) == nil {
		mv.tidy()
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// movePrepare agrees to take an actor, or says why not.
func (mv *mover) movePrepare(_ context.Context, in *api.MovePrepareRequest) (*api.MovePrepareReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if len(in.Move) != len(api.MoveID{}) {
		return nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move")
	}
	if mv.kinds[id.Namespace] == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "it does not host namespace %q", id.Namespace)
	}
	if mv.keeper.draining() {
		return nil, refusedFor(api.RefusedDraining, api.Errorf(api.CodeNoCapacity, "it is draining"))
	}
	if err := mv.dispatcher.room(mv.host.arrivals.expected()); err != nil {
		return nil, err
	}
	mv.host.arrivals.expect(&arrival{move: api.MoveID(in.Move), actor: id, from: in.From, touched: mv.env.Monotonic()})
	return &api.MovePrepareReply{Incarnation: mv.keeper.incarnation()}, nil
}

func (mv *mover) movePiece(_ context.Context, req *rpc.Request) ([]byte, error) {
	p, err := api.DecodeMovePieceRequest(req.Payload)
	if err != nil {
		return nil, err
	}
	return nil, mv.host.arrivals.receive(&p, mv.env.Monotonic())
}

func (mv *mover) moveCancel(req *rpc.Request) {
	if len(req.Payload) == len(api.MoveID{}) {
		mv.host.arrivals.forget(api.MoveID(req.Payload))
	}
	req.Reply(nil, nil)
}

// moveComplete activates an actor whose claim was handed over, unless a call has already. It runs on the task that
// reads the connection, and so comes before the calls that the source sends behind it.
func (mv *mover) moveComplete(req *rpc.Request) {
	if len(req.Payload) != len(api.MoveID{}) {
		req.Reply(nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move"))
		return
	}
	id, ok := mv.host.arrivals.actor(api.MoveID(req.Payload))
	if !ok {
		req.Reply(nil, nil)
		return
	}
	mv.moves.came(id, mv.env.Monotonic())
	mv.waker.wakeHere(id, func(err error) { req.Reply(nil, err) })
}

// tidy drops what has come of moves that have ended.
func (mv *mover) tidy() {
	now := mv.env.Monotonic()
	mv.host.arrivals.expire(now)
	mv.moves.forget(now)
}

// watch forgets what has come of moves that have ended, until ctx ends.
func (mv *mover) watch(ctx context.Context) {
	for env.Sleep(mv.env, ctx, time.Second) == nil {
		mv.tidy()
	}
}

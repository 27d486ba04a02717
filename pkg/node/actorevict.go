// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// adminActorEvict deactivates an actor, or passes the request on to the node that has it.
func (mv *mover) adminActorEvict(ctx context.Context, in *api.ActorEvictRequest) (*api.ActorEvictReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	return atOwner(ctx, mv, api.MethodActorEvict, id, in, &in.Hops,
		func(owner registry.Owner) (*api.ActorEvictReply, error) {
			switch {
			case !owner.Current:
				return &api.ActorEvictReply{Actor: in.Actor}, nil
			case owner.Node != mv.nodeID:
				return nil, nil
			}
			if err := mv.evict(ctx, id); err != nil {
				return nil, wireError(err)
			}
			mv.log.Info("actor deactivated by an operator", "actor", in.Actor)
			return &api.ActorEvictReply{Actor: in.Actor, Evicted: true, Node: mv.nodeID}, nil
		})
}

// evict deactivates an actor of this node as soon as its calls allow it, and blocks until that is done or ctx ends.
func (mv *mover) evict(ctx context.Context, id api.ActorID) error {
	done := env.NewFuture[struct{}](mv.env)
	err := mv.dispatcher.control(id, &control{
		run:   func(s *slot) bool { return mv.runEvict(s, done) },
		abort: func(err error) { done.Complete(struct{}{}, err) },
	})
	if err != nil {
		return err
	}
	_, err = done.Wait(ctx)
	return err
}

// runEvict deactivates the actor of a slot, whose task runs it: so no call runs meanwhile.
func (mv *mover) runEvict(s *slot, done *env.Future[struct{}]) (gone bool) {
	var err error
	if a := activationOf(s); a != nil {
		inTime, settled := mv.host.deactivate(s)
		if !inTime { // the slot is no more this task's, and the eviction has ended with it
			return false
		}
		a.ended()
		s.resident = nil
		if settled {
			ctx, cancel := env.WithTimeout(mv.env, context.WithoutCancel(mv.ctx), releaseTimeout)
			defer cancel()
			err = mv.host.releaseClaim(ctx, a)
		}
	}
	done.Complete(struct{}{}, err)
	return false
}

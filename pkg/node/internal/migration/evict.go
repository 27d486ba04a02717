// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/host"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// AdminActorEvict deactivates an actor, or passes the request on to the node that has it.
func (mv *Migrator) ServeActorEvict(ctx context.Context, in *api.ActorEvictRequest) (*api.ActorEvictReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	return atOwner(ctx, mv, api.MethodActorEvict, id, in, &in.Hops,
		func(owner registry.Owner) (*api.ActorEvictReply, error) {
			switch {
			case !owner.Current:
				return &api.ActorEvictReply{Actor: in.Actor}, nil
			case owner.Node != mv.NodeID:
				return nil, nil
			}
			if err := mv.evict(ctx, id); err != nil {
				return nil, call.WireError(err)
			}
			mv.Log.Info("actor deactivated by an operator", "actor", in.Actor)
			return &api.ActorEvictReply{Actor: in.Actor, Evicted: true, Node: mv.NodeID}, nil
		})
}

// evict deactivates an actor of this node as soon as its calls allow it, and blocks until that is done or ctx ends.
func (mv *Migrator) evict(ctx context.Context, id api.ActorID) error {
	done := env.NewFuture[struct{}](mv.Env)
	err := mv.Mailboxes.Control(id, &mailbox.Control{
		Run:   func(s *mailbox.Mailbox) bool { return mv.runEvict(s, done) },
		Abort: func(err error) { done.Complete(struct{}{}, err) },
	})
	if err != nil {
		return err
	}
	_, err = done.Wait(ctx)
	return err
}

// runEvict deactivates the actor of a mailbox, whose task runs it: so no call runs meanwhile.
func (mv *Migrator) runEvict(s *mailbox.Mailbox, done *env.Future[struct{}]) (gone bool) {
	var err error
	if a := activation.Of(s); a != nil {
		settled, abandoned := mv.Host.Deactivate(s)
		if abandoned != nil { // the mailbox is no more this task's, and the eviction has ended with it
			return false
		}
		a.Ended()
		s.Resident = nil
		if settled {
			ctx, cancel := env.WithTimeout(mv.Env, context.WithoutCancel(mv.Ctx), host.ReleaseTimeout)
			defer cancel()
			err = mv.Host.ReleaseClaim(ctx, a)
		}
	}
	done.Complete(struct{}{}, err)
	return false
}

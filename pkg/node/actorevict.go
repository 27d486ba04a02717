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
func (n *Node) adminActorEvict(ctx context.Context, in *api.ActorEvictRequest) (*api.ActorEvictReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	return atOwner(ctx, n, api.MethodActorEvict, id, in, &in.Hops,
		func(owner registry.Owner) (*api.ActorEvictReply, error) {
			switch {
			case !owner.Current:
				return &api.ActorEvictReply{Actor: in.Actor}, nil
			case owner.Node != n.config.NodeID:
				return nil, nil
			}
			if err := n.evict(ctx, id); err != nil {
				return nil, wireError(err)
			}
			n.log.Info("actor deactivated by an operator", "actor", in.Actor)
			return &api.ActorEvictReply{Actor: in.Actor, Evicted: true, Node: n.config.NodeID}, nil
		})
}

// eviction is an operator's wish that an actor be deactivated. Several wait for the same.
type eviction struct{ done *env.Future[struct{}] }

// evict has the actor's slot deactivate it when what runs now has run, and waits for that until ctx ends; it goes on
// then. Calls that wait behind that make it active again. An error of CodeMoved says that the actor is not here.
func (n *Node) evict(ctx context.Context, id api.ActorID) error {
	e, err := n.dispatcher.evict(id, func() *eviction { return &eviction{env.NewFuture[struct{}](n.env)} })
	if err != nil {
		return err
	}
	_, err = e.done.Wait(ctx)
	return err
}

// evict has the task of an actor's slot deactivate it. An error of CodeMoved says that the actor has no slot here.
func (d *dispatcher) evict(id api.ActorID, create func() *eviction) (*eviction, error) {
	d.mu.Lock()
	s := d.slots[id]
	if s == nil || s.waits {
		d.mu.Unlock()
		return nil, errMoved(id)
	}
	s.mu.Lock()
	d.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	if s.run.evict == nil {
		s.run.evict = create()
	}
	e, start := s.run.evict, !s.running
	s.running = true
	s.mu.Unlock()
	if start {
		d.start(s)
	}
	return e, nil
}

// takeEviction takes what an operator wants of a slot that is about to go.
func (d *dispatcher) takeEviction(s *slot) *eviction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	e := s.run.evict
	s.run.evict = nil
	return e
}

// runEvict deactivates the actor of a slot, whose task runs it: so no call runs meanwhile.
func (n *Node) runEvict(s *slot, e *eviction) {
	var err error
	if a := s.activation; a != nil {
		inTime, settled := n.deactivate(s)
		if !inTime { // the slot is no more this task's, and the eviction has ended with it
			return
		}
		a.ended()
		s.activation = nil
		if settled {
			ctx, cancel := env.WithTimeout(n.env, context.WithoutCancel(n.ctx), releaseTimeout)
			defer cancel()
			err = n.releaseClaim(ctx, a)
		}
	}
	e.done.Complete(struct{}{}, err)
}

// errGivenUp says that an actor could not be asked to stop.
func errGivenUp(id api.ActorID) error {
	return api.Errorf(api.CodeUnavailable, "actor %s: a handler does not return, and its activation was given up", id)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package router

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Choose picks a node for an actor by the settings of its namespace, none of those given. It does not block; errors
// are those of registry.Place.
//
// A member that this node can't reach is chosen only if there is no other: the actor could be placed there, but not
// called.
func (r *Router) Choose(id api.ActorID, exclude ...registry.Refusal) (registry.NodeInfo, error) {
	if apart := r.Reach.Apart(); len(apart) > 0 {
		without := slices.Clone(exclude)
		for _, node := range apart {
			without = append(without, registry.Refusal{Node: node.ID})
		}
		if node, err := r.place(id, without); err == nil {
			return node, nil
		}
	}
	return r.place(id, exclude)
}

func (r *Router) place(id api.ActorID, exclude []registry.Refusal) (registry.NodeInfo, error) {
	settings := r.Members.Settings(id.Namespace)
	r.Loads.Learn(r.NodeID, r.Mailboxes.Load())
	return registry.Place(registry.Request{
		Settings: settings, Actor: id, Local: r.NodeID,
		Members: r.Loads.Candidates(r.Members.Members().Members()), Refused: exclude,
		Random: r.random, Turn: r.turn(&settings),
	})
}

// turn counts the placements in a namespace that places in turns. It begins anywhere, or the nodes of a cluster that
// has just begun would all begin with the same one.
func (r *Router) turn(ns *registry.Namespace) uint64 {
	if ns.Placement != registry.PlaceRoundRobin && ns.Fallback != registry.PlaceRoundRobin {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	turn, ok := r.turns[ns.Name]
	if !ok {
		turn = r.random.Uint64() >> 1
	}
	r.turns[ns.Name] = turn + 1
	return turn
}

// tooOld are the members that can't read the state of a call's actor.
func (r *Router) tooOld(c *call.Call) []registry.Refusal {
	var out []registry.Refusal
	if c.StateVersion == 0 {
		return out
	}
	for _, m := range r.Members.Members().Members() {
		if v, hosts := m.StateVersion(c.Actor.Namespace); hosts && v < c.StateVersion {
			out = append(out, registry.Refusal{Node: m.ID, Reason: api.RefusedVersion})
		}
	}
	return out
}

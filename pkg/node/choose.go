// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// choose picks a node for an actor by the settings of its namespace, none of those given. It does not block; errors
// are those of registry.Place.
func (r *router) choose(id api.ActorID, exclude ...registry.Refusal) (registry.NodeInfo, error) {
	settings := r.keeper.settings(id.Namespace)
	r.loads.learn(r.nodeID, r.dispatcher.load())
	return registry.Place(registry.Request{
		Settings: settings, Actor: id, Local: r.nodeID,
		Members: r.loads.candidates(r.keeper.members().Members()), Refused: exclude,
		Random: r.random, Turn: r.turn(&settings),
	})
}

// turn counts the placements in a namespace that places in turns. It begins anywhere, or the nodes of a cluster that
// has just begun would all begin with the same one.
func (r *router) turn(ns *registry.Namespace) uint64 {
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

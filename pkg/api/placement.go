// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// ActorEvictRequest is the request of MethodActorEvict: the node that has an actor is to deactivate it. Any node
// takes it, and passes it on.
type ActorEvictRequest struct {
	Actor string `msgpack:"actor"`
	// Hops counts the nodes that have passed it on.
	Hops int `msgpack:"hops"`
}

// ActorEvictReply answers it. Evicted is false when nobody had the actor.
type ActorEvictReply struct {
	Actor   string `msgpack:"actor" json:"actor"`
	Evicted bool   `msgpack:"evicted" json:"evicted"`
	// Node is where it was active.
	Node string `msgpack:"node" json:"node"`
}

// PlacementRow is a row of `kelpie placements ls`: how many actors of a namespace a node owns. Counted by one of the
// two, the other is "".
type PlacementRow struct {
	Namespace string `msgpack:"namespace" json:"namespace"`
	Node      string `msgpack:"node" json:"node"`
	// Actors are all, Orphaned those of them whose owner has lost its lease.
	Actors   int `msgpack:"actors" json:"actors"`
	Orphaned int `msgpack:"orphaned" json:"orphaned"`
}

// PlacementsRequest is the request of MethodPlacements: counts of claims, of some pages of them at a time.
type PlacementsRequest struct {
	Namespace string `msgpack:"namespace"` // empty: all
	Node      string `msgpack:"node"`      // empty: all
	// After is the Next of the reply before; empty for the first.
	After string `msgpack:"after"`
}

// PlacementsReply answers MethodPlacements, in order of namespace and node. Next is empty after the last; what comes
// then adds to the counts of the same namespace, or is of later ones.
type PlacementsReply struct {
	Placements []PlacementRow `msgpack:"placements"`
	Next       string         `msgpack:"next"`
}

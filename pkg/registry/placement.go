// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Candidate is a member that an actor may be placed on.
type Candidate struct {
	Node NodeInfo
	// Load is how busy it is, as far as is known: what it said of itself at the last ping, and what was placed there
	// since.
	Load api.Load
}

// hasRoom reports whether the candidate is below its capacity, as far as is known.
func (c *Candidate) hasRoom() bool {
	return c.Node.Capacity == 0 || c.Load.Activations < c.Node.Capacity
}

// Random is what placement draws from.
type Random interface {
	// IntN returns a number in [0, n).
	IntN(n int) int
}

// Refusal is a node that is not to be taken, and why.
type Refusal struct {
	Node string
	// Reason is one of api.Refused..., "" if none is known.
	Reason string
}

// Request is one question where to place an actor, with all that the answer depends on.
type Request struct {
	// Settings are those of the actor's namespace. An unknown strategy, which a later version may have set, is
	// PlaceLeastLoaded.
	Settings Namespace
	Actor    api.ActorID
	// Local is the name of the node that places.
	Local string
	// Members are the members of the cluster, in order of name.
	Members []Candidate
	// Refused are the nodes not to be taken.
	Refused []Refusal
	Random  Random
	// Turn counts the placements in the namespace by the node that places, for PlaceRoundRobin.
	Turn uint64
}

// Place chooses a node for an actor that nobody owns: by the namespace's strategy among the active members that host
// the namespace and have room; if none has, among those that are full, which make room by deactivating what is idle.
// It is a pure function of the request and of what is drawn from Random. Errors are CodeUnknownNamespace if no member
// hosts the namespace, and CodeNoCapacity, with the most common reason first, if none that does may be taken.
func Place(r Request) (NodeInfo, error) {
	fit, full, none := r.sort()
	if len(fit) == 0 {
		fit = full
	}
	if len(fit) == 0 {
		return NodeInfo{}, none.err(r.Actor.Namespace)
	}
	return r.choose(fit).Node, nil
}

// sort divides the members into those that have room and those that are full; none counts why the others can't be
// taken.
func (r *Request) sort() (fit, full []Candidate, none noRoom) {
	fit = make([]Candidate, 0, len(r.Members))
	for _, c := range r.Members {
		if c.Node.State != NodeActive && c.Node.State != NodeDraining ||
			!slices.Contains(c.Node.Namespaces, r.Actor.Namespace) {
			continue
		}
		refused := slices.IndexFunc(r.Refused, func(f Refusal) bool { return f.Node == c.Node.ID })
		switch {
		case c.Node.State == NodeDraining:
			none.add(&c.Node, api.RefusedDraining)
		case refused >= 0:
			none.add(&c.Node, r.Refused[refused].Reason)
		case c.hasRoom():
			fit = append(fit, c)
		default:
			full = append(full, c)
		}
	}
	return fit, full, none
}

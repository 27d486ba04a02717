// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Placement is how a namespace chooses the node of an actor that nobody owns.
type Placement string

const (
	// PlaceLeastLoaded takes two nodes at random and of them the one with fewer activations: within a
	// constant of the best, without every node running to the same idle one
	// (Mitzenmacher, "The power of two choices", 2001).
	PlaceLeastLoaded Placement = "least-loaded"
	// PlaceRandom takes any node.
	PlaceRandom Placement = "random"
)

// Candidate is a node that an actor may be placed on.
type Candidate struct {
	Node NodeInfo
	// Activations is the number of actors it has, as far as is known.
	Activations int
}

// Random is what placement draws from.
type Random interface {
	// IntN returns a number in [0, n).
	IntN(n int) int
}

// Place chooses among the members that host the namespace and have room, else among all that host it: a full one makes room
// by deactivating what is idle. exclude names nodes not to be taken, such as ones that have just refused. Errors are
// CodeUnknownNamespace if no member hosts the namespace, and CodeNoCapacity if none that does may be taken.
func Place(p Placement, namespace string, members []Candidate, exclude []string, random Random) (NodeInfo, error) {
	hosts, fit, full := 0, make([]Candidate, 0, len(members)), []Candidate(nil)
	for _, c := range members {
		if c.Node.State != NodeActive || !slices.Contains(c.Node.Namespaces, namespace) {
			continue
		}
		hosts++
		switch {
		case slices.Contains(exclude, c.Node.ID):
		case c.Node.Capacity == 0 || c.Activations < c.Node.Capacity:
			fit = append(fit, c)
		default:
			full = append(full, c)
		}
	}
	if len(fit) == 0 {
		fit = full
	}
	switch {
	case hosts == 0:
		return NodeInfo{}, api.Errorf(api.CodeUnknownNamespace, "no node hosts namespace %q: see 'kelpie namespaces ls'", namespace)
	case len(fit) == 0:
		return NodeInfo{}, api.Errorf(api.CodeNoCapacity, "namespace %q: none of the %d nodes that host it has room, all their actors are busy: add a node, or raise --capacity", namespace, hosts)
	}
	chosen := fit[random.IntN(len(fit))]
	if p != PlaceRandom && len(fit) > 1 {
		if other := fit[random.IntN(len(fit))]; other.Activations < chosen.Activations {
			chosen = other
		}
	}
	return chosen.Node, nil
}

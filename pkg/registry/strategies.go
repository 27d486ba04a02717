// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Placement is the strategy by which a namespace chooses the node of an actor that nobody owns.
type Placement string

const (
	// PlaceLeastLoaded takes two nodes at random and of them the one with fewer activations, at equal numbers the one
	// with fewer calls in its mailboxes: within a constant of the best, without every node running to the same idle
	// one (Mitzenmacher, "The power of two choices", 2001).
	PlaceLeastLoaded Placement = "least-loaded"
	// PlaceRandom takes any node.
	PlaceRandom Placement = "random"
	// PlaceRoundRobin takes one node after the other, each node that places by a count of its own.
	PlaceRoundRobin Placement = "round-robin"
	// PlaceAffinity takes the least loaded of the nodes that Namespace.Prefer names, and Namespace.Fallback chooses
	// if none of them has room.
	PlaceAffinity Placement = "affinity"
	// PlaceLocalFirst takes the node that places, which is the one that was called, and Namespace.Fallback chooses if
	// it has no room or does not host the namespace.
	PlaceLocalFirst Placement = "local-first"
	// PlaceRendezvous takes the node with the highest hash of its name and the actor's: always the same while it has
	// room, and when nodes come or go only their share of the actors gets another one (Thaler and Ravishankar, "Using
	// name-based mappings to increase hit rates", 1998).
	PlaceRendezvous Placement = "rendezvous"
	// PlaceSpread takes two zones at random, of them the one whose nodes have fewer activations together, and in it
	// the least loaded node: so zones have about as many actors each, however many nodes they have, and the loss of
	// one costs no more than that. Of nodes without a zone "" is the zone.
	PlaceSpread Placement = "spread"
)

// placements are all strategies, in the order in which people are told of them.
var placements = []Placement{PlaceLeastLoaded, PlaceRandom, PlaceRoundRobin, PlaceAffinity, PlaceLocalFirst,
	PlaceRendezvous, PlaceSpread}

// Placements returns the names of all strategies.
func Placements() []Placement { return slices.Clone(placements) }

// ParsePlacement returns the strategy of a name. Errors are CodeInvalidArgument.
func ParsePlacement(s string) (Placement, error) {
	if p := Placement(s); slices.Contains(placements, p) {
		return p, nil
	}
	return "", api.Errorf(api.CodeInvalidArgument, "placement %q: must be one of %s", s, nameList(placements))
}

// usesFallback reports whether the strategy leaves it to another one where its own choice has no room.
func (p Placement) usesFallback() bool { return p == PlaceAffinity || p == PlaceLocalFirst }

func nameList(all []Placement) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}

// choose takes one of the candidates, of which there is at least one, by the namespace's strategy.
func (r *Request) choose(from []Candidate) *Candidate {
	var first []Candidate
	switch r.Settings.Placement {
	case PlaceAffinity:
		first = only(from, func(c *Candidate) bool { return c.Node.matches(r.Settings.Prefer) })
	case PlaceLocalFirst:
		first = only(from, func(c *Candidate) bool { return c.Node.ID == r.Local })
	default:
		return r.chooseBy(r.Settings.Placement, from)
	}
	if len(first) > 0 {
		return r.chooseBy(PlaceLeastLoaded, first)
	}
	return r.chooseBy(r.Settings.Fallback, from)
}

// chooseBy is choose by a strategy without fallback; any other is PlaceLeastLoaded.
func (r *Request) chooseBy(p Placement, from []Candidate) *Candidate {
	switch p {
	case PlaceRandom:
		return &from[r.Random.IntN(len(from))]
	case PlaceRoundRobin:
		return &from[r.Turn%uint64(len(from))]
	case PlaceRendezvous:
		return heaviest(r.Actor, from)
	case PlaceSpread:
		from = r.emptierZone(from)
	}
	return lessLoaded(from, r.Random)
}

func only(from []Candidate, keep func(*Candidate) bool) (kept []Candidate) {
	for i := range from {
		if keep(&from[i]) {
			kept = append(kept, from[i])
		}
	}
	return kept
}

// lessLoaded returns the less loaded of two candidates drawn at random.
func lessLoaded(from []Candidate, random Random) *Candidate {
	chosen := &from[random.IntN(len(from))]
	if len(from) > 1 {
		if other := &from[random.IntN(len(from))]; compareLoads(other.Load, chosen.Load) < 0 {
			chosen = other
		}
	}
	return chosen
}

func compareLoads(a, b api.Load) int {
	return cmp.Or(cmp.Compare(a.Activations, b.Activations), cmp.Compare(a.Pending, b.Pending))
}

// heaviest returns the candidate with the highest weight for the actor, whatever their order.
func heaviest(actor api.ActorID, from []Candidate) *Candidate {
	best, weight := &from[0], rendezvousWeight(actor, from[0].Node.ID)
	for i := 1; i < len(from); i++ {
		c, w := &from[i], rendezvousWeight(actor, from[i].Node.ID)
		if w > weight || w == weight && c.Node.ID < best.Node.ID {
			best, weight = c, w
		}
	}
	return best
}

func rendezvousWeight(actor api.ActorID, node string) uint64 {
	h := fnv.New64a()
	for _, s := range []string{actor.Namespace, actor.ID, node} {
		h.Write([]byte(s))
		h.Write([]byte{0}) // in no name: so no two triples run into one
	}
	return mix(h.Sum64())
}

// zone is the members of a zone: those that may be chosen, and how many actors all of them have.
type zone struct {
	name        string
	open        []Candidate
	activations int
}

// emptierZone returns the candidates of the less loaded of two zones drawn at random. Two, and not the emptiest of
// all, so that not every node, whose view is a heartbeat old, runs to the same one; but two that differ, as zones are
// few. Nodes of a zone that may not be chosen now count as well: the actors that they have are in the zone.
func (r *Request) emptierZone(from []Candidate) []Candidate {
	zones := r.zones(from)
	one := r.Random.IntN(len(zones))
	if len(zones) > 1 {
		other := r.Random.IntN(len(zones) - 1)
		if other >= one {
			other++
		}
		if zones[other].activations < zones[one].activations {
			one = other
		}
	}
	return zones[one].open
}

// zones returns the zones of the candidates, in order of name.
func (r *Request) zones(from []Candidate) []zone {
	var zones []zone
	at := func(name string) (int, bool) {
		return slices.BinarySearchFunc(zones, name, func(z zone, name string) int { return cmp.Compare(z.name, name) })
	}
	for _, c := range from {
		i, ok := at(c.Node.Zone)
		if !ok {
			zones = slices.Insert(zones, i, zone{name: c.Node.Zone})
		}
		zones[i].open = append(zones[i].open, c)
	}
	for _, c := range r.Members {
		if i, ok := at(c.Node.Zone); ok && slices.Contains(c.Node.Namespaces, r.Actor.Namespace) {
			zones[i].activations += c.Load.Activations
		}
	}
	return zones
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// drawMembers draws up to eight members of all sorts.
func drawMembers(t *rapid.T) []Candidate {
	members := make([]Candidate, rapid.IntRange(0, 8).Draw(t, "members"))
	for i := range members {
		name := fmt.Sprintf("n%d", i)
		members[i] = Candidate{
			Node: NodeInfo{
				ID: name, State: rapid.SampledFrom(
					[]NodeState{NodeActive, NodeActive, NodeActive, NodeDraining, NodeFailed}).Draw(t, name+" state"),
				Capacity: rapid.SampledFrom([]int{0, 1, 5}).Draw(t, name+" capacity"),
				Zone:     rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, name+" zone"),
				Labels: rapid.SampledFrom([][]string{nil, {"disk=ssd"}, {"cpu=big", "disk=hdd"}}).Draw(
					t, name+" labels"),
				Namespaces: rapid.SampledFrom([][]string{{"counter"}, {"a", "counter"}, {"other"}, nil}).Draw(
					t, name+" namespaces"),
			},
			Load: api.Load{Activations: rapid.IntRange(0, 6).Draw(t, name+" activations"),
				Pending: rapid.IntRange(0, 2).Draw(t, name+" pending")},
		}
	}
	return members
}

func drawSettings(t *rapid.T) Namespace {
	ns := Namespace{Name: "counter", Placement: rapid.SampledFrom(placements).Draw(t, "placement")}
	if ns.Placement == PlaceAffinity {
		ns.Prefer = rapid.SampledFrom([]string{"node=n1", "node=n99", "zone=x", "disk=ssd", "disk=hdd"}).Draw(
			t, "prefer")
	}
	if ns.Placement.usesFallback() {
		ns.Fallback = rapid.SampledFrom(
			[]Placement{"", PlaceLeastLoaded, PlaceRandom, PlaceRoundRobin, PlaceRendezvous, PlaceSpread}).Draw(
			t, "fallback")
	}
	return ns
}

func drawRequest(t *rapid.T) Request {
	r := Request{
		Settings: drawSettings(t),
		Actor:    api.ActorID{Namespace: "counter", ID: rapid.StringMatching(`[a-z0-9]{1,8}`).Draw(t, "id")},
		Local:    "n0", Members: drawMembers(t), Turn: rapid.Uint64().Draw(t, "turn"),
	}
	for _, m := range r.Members {
		if rapid.IntRange(0, 4).Draw(t, "refused") == 0 {
			r.Refused = append(r.Refused,
				Refusal{Node: m.Node.ID,
					Reason: rapid.SampledFrom([]string{"", api.RefusedFull, api.RefusedMemory}).Draw(t, "reason")})
		}
	}
	return r
}

// may reports whether a member may be taken at all.
func (r *Request) may(c Candidate) bool {
	refused := slices.ContainsFunc(r.Refused, func(f Refusal) bool { return f.Node == c.Node.ID })
	return c.Node.State == NodeActive && slices.Contains(c.Node.Namespaces, "counter") && !refused
}

// TestPlaceTakesOnlyWhoMayBeTaken shows for every strategy: never a node that is draining, refused or does not host the
// namespace; never one that is full while another has room; always somebody if somebody may be; and
// the same answer to the same question.
func TestPlaceTakesOnlyWhoMayBeTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, seed := drawRequest(t), rapid.Uint64().Draw(t, "seed")
		r.Random = env.NewRand(seed, 0)
		got, err := Place(r)
		r.Random = env.NewRand(seed, 0)
		if again, _ := Place(r); again.ID != got.ID {
			t.Fatalf("placed on %s, and on %s", got.ID, again.ID)
		}
		able := slices.DeleteFunc(slices.Clone(r.Members), func(c Candidate) bool { return !r.may(c) })
		room := slices.ContainsFunc(able, func(c Candidate) bool { return c.hasRoom() })
		i := slices.IndexFunc(able, func(c Candidate) bool { return c.Node.ID == got.ID })
		switch {
		case err == nil && i < 0:
			t.Fatalf("placed on %s, which may not be taken", got.ID)
		case err == nil && room && !able[i].hasRoom():
			t.Fatalf("placed on %s, which is full, while others have room", got.ID)
		case (err != nil) != (len(able) == 0):
			t.Fatalf("%d may be taken: %v", len(able), err)
		}
		hosted := slices.ContainsFunc(r.Members, func(c Candidate) bool {
			return (c.Node.State == NodeActive || c.Node.State == NodeDraining) &&
				slices.Contains(c.Node.Namespaces, "counter")
		})
		if err != nil && (api.CodeOf(err) == api.CodeNoCapacity) != hosted {
			t.Fatalf("%v, with the namespace hosted: %v", err, hosted)
		}
	})
}

// TestPreferencesAreKept shows that affinity and local-first take what they prefer whenever it has room.
func TestPreferencesAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRequest(t)
		r.Settings.Placement = rapid.SampledFrom([]Placement{PlaceAffinity, PlaceLocalFirst}).Draw(t, "preferring")
		r.Random = env.NewRand(rapid.Uint64().Draw(t, "seed"), 0)
		preferred := func(n NodeInfo) bool {
			if r.Settings.Placement == PlaceLocalFirst {
				return n.ID == r.Local
			}
			return n.matches(r.Settings.Prefer)
		}
		has := slices.ContainsFunc(r.Members, func(c Candidate) bool {
			return r.may(c) && c.hasRoom() && preferred(c.Node)
		})
		if got, err := Place(r); has && (err != nil || !preferred(got)) {
			t.Fatalf("placed on %s (%v)", got.ID, err)
		}
	})
}

// TestRendezvousMovesLittle shows that the order of members makes no difference to rendezvous hashing, that one who
// goes moves only the actors that it had, and that one who comes only takes actors.
func TestRendezvousMovesLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,6}`), 2, 10, rapid.ID).Draw(t, "nodes")
		var members []Candidate
		for _, n := range nodes {
			members = append(
				members, Candidate{Node: NodeInfo{ID: n, State: NodeActive, Namespaces: []string{"counter"}}})
		}
		gone := rapid.IntRange(0, len(nodes)-1).Draw(t, "gone")
		shuffled := rapid.Permutation(members).Draw(t, "order")
		place := func(members []Candidate, id string) string {
			n, err := Place(
				Request{Settings: Namespace{Placement: PlaceRendezvous},
					Actor: api.ActorID{Namespace: "counter", ID: id}, Members: members})
			if err != nil {
				t.Fatal(err)
			}
			return n.ID
		}
		fewer := slices.Delete(slices.Clone(members), gone, gone+1)
		for i := range 50 {
			id := fmt.Sprint(i)
			before, after := place(members, id), place(fewer, id)
			if other := place(shuffled, id); other != before {
				t.Fatalf("%s is placed on %s, and in another order on %s", id, before, other)
			}
			if before != nodes[gone] && after != before {
				t.Fatalf("%s moves from %s to %s when %s goes", id, before, after, nodes[gone])
			}
		}
	})
}

// TestSpreadBoundsZones shows that spreading keeps zones close to each other, whatever their nodes.
func TestSpreadBoundsZones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := make([]Candidate, rapid.IntRange(2, 9).Draw(t, "nodes"))
		for i := range members {
			members[i].Node = NodeInfo{ID: fmt.Sprintf("n%d", i), State: NodeActive, Namespaces: []string{"counter"},
				Zone: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "zone")}
		}
		random := env.NewRand(rapid.Uint64().Draw(t, "seed"), 0)
		zones := make(map[string]int)
		for _, m := range members {
			zones[m.Node.Zone] = 0
		}
		for range 300 {
			n, err := Place(
				Request{Settings: Namespace{Placement: PlaceSpread}, Actor: actorA, Members: members, Random: random})
			if err != nil {
				t.Fatal(err)
			}
			zones[n.Zone]++
			members[slices.IndexFunc(members, func(c Candidate) bool { return c.Node.ID == n.ID })].Load.Activations++
		}
		if most, least := mostAndLeast(zones); most-least > 10 {
			t.Fatalf("zones have %v", zones)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// script draws the numbers that it was given, and then 0.
type script struct{ draws []int }

func (s *script) IntN(n int) int {
	if len(s.draws) == 0 {
		return 0
	}
	draw := s.draws[0]
	s.draws = s.draws[1:]
	return min(draw, n-1)
}

// special matches what is special about a node.
var special = regexp.MustCompile(`([/@+?!~])([a-z0-9=]*)`)

// candidates reads a cluster: a word for each node, NAME:ACTIVATIONS as "a:3", then what is special about it: "/10"
// its capacity, "@x" its zone, "+k=v" a label, "?4" calls that wait, "!" draining, "~" that it hosts another
// namespace.
func candidates(t *testing.T, cluster string) []Candidate {
	t.Helper()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("cluster %q: %v", cluster, err)
		}
		return n
	}
	var out []Candidate
	for _, word := range strings.Fields(cluster) {
		name, rest, _ := strings.Cut(word, ":")
		c := Candidate{Node: NodeInfo{ID: name, State: NodeActive, Namespaces: []string{"counter"}}}
		c.Load.Activations = number(special.ReplaceAllString(rest, ""))
		for _, m := range special.FindAllStringSubmatch(rest, -1) {
			switch value := m[2]; m[1] {
			case "/":
				c.Node.Capacity = number(value)
			case "@":
				c.Node.Zone = value
			case "+":
				c.Node.Labels = append(c.Node.Labels, value)
			case "?":
				c.Load.Pending = number(value)
			case "!":
				c.Node.State = NodeDraining
			case "~":
				c.Node.Namespaces = []string{"other"}
			}
		}
		out = append(out, c)
	}
	return out
}

// TestPlaceStrategies shows what each strategy makes of a cluster, by which nodes it takes for some draws.
func TestPlaceStrategies(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings Namespace
		cluster  string
		turns    bool
		want     string // the nodes that are taken, whatever is drawn, in order of name; with turns in order of turn
	}{
		{name: "least loaded", settings: Namespace{Placement: PlaceLeastLoaded},
			cluster: "a:1 b:2 c:1 d:0/0 e:3/3 f:0!", want: "a b c d"},
		{name: "random", settings: Namespace{Placement: PlaceRandom}, cluster: "a:1 b:2 c:3", want: "a b c"},
		{name: "random among those with room", settings: Namespace{Placement: PlaceRandom},
			cluster: "a:1/1 b:2/3 c:3/4", want: "b c"},
		{name: "round robin", settings: Namespace{Placement: PlaceRoundRobin}, cluster: "a:9 b:0 c:5", turns: true,
			want: "a b c a b c"},
		{name: "round robin over those with room", settings: Namespace{Placement: PlaceRoundRobin},
			cluster: "a:9 b:1/1 c:5", turns: true, want: "a c a c a c"},
		{name: "affinity to a node", settings: Namespace{Placement: PlaceAffinity, Prefer: "node=b"},
			cluster: "a:0 b:9 c:0", want: "b"},
		{name: "affinity to a zone", settings: Namespace{Placement: PlaceAffinity, Prefer: "zone=x"},
			cluster: "a:0@x b:0@y c:0@x", want: "a c"},
		{name: "affinity to a label", settings: Namespace{Placement: PlaceAffinity, Prefer: "disk=ssd"},
			cluster: "a:0+disk=hdd b:0+disk=ssd c:0+cpu=x+disk=ssd", want: "b c"},
		{name: "affinity to one that is full", settings: Namespace{Placement: PlaceAffinity, Prefer: "node=b"},
			cluster: "a:5 b:9/9 c:5", want: "a c"},
		{name: "affinity where all are full", settings: Namespace{Placement: PlaceAffinity, Prefer: "node=b"},
			cluster: "a:9/9 b:9/9 c:9/9", want: "b"},
		{name: "affinity falls back as told",
			settings: Namespace{Placement: PlaceAffinity, Prefer: "node=x", Fallback: PlaceRoundRobin},
			cluster:  "a:0 b:9 c:0", turns: true, want: "a b c a b c"},
		{name: "affinity to a draining node", settings: Namespace{Placement: PlaceAffinity, Prefer: "node=b"},
			cluster: "a:0 b:0! c:0", want: "a c"},
		{name: "local first", settings: Namespace{Placement: PlaceLocalFirst}, cluster: "a:0 b:0 local:99",
			want: "local"},
		{name: "local first, full", settings: Namespace{Placement: PlaceLocalFirst}, cluster: "a:0 b:0 local:99/99",
			want: "a b"},
		{name: "local first, not hosting", settings: Namespace{Placement: PlaceLocalFirst},
			cluster: "a:0 b:0 local:0~", want: "a b"},
		{name: "local first falls back as told",
			settings: Namespace{Placement: PlaceLocalFirst, Fallback: PlaceRoundRobin}, cluster: "a:0 b:0 local:0!",
			turns: true, want: "a b a b a b"},
		{name: "rendezvous", settings: Namespace{Placement: PlaceRendezvous}, cluster: "a:9 b:9 c:0", want: "c"},
		{name: "rendezvous, the first choice full", settings: Namespace{Placement: PlaceRendezvous},
			cluster: "a:9 b:9 c:5/5", want: "a"},
		{name: "spread takes the less loaded of a zone", settings: Namespace{Placement: PlaceSpread},
			cluster: "a:0 b:0", want: "a b"},
		{name: "spread passes over a zone that is full", settings: Namespace{Placement: PlaceSpread},
			cluster: "a:0@x b:1/1@y c:7@x", want: "a c"},
		{name: "a strategy of a later version", settings: Namespace{Placement: "moon-phase"}, cluster: "a:1 b:2",
			want: "a b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			members, random := candidates(t, test.cluster), env.NewRand(1, 2)
			var got []string
			for turn := range 200 {
				n, err := Place(
					Request{Settings: test.settings, Actor: actorA, Local: "local", Members: members, Random: random,
						Turn: uint64(turn)})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, n.ID)
			}
			if test.turns {
				got = got[:6]
			} else {
				slices.Sort(got)
				got = slices.Compact(got)
			}
			if strings.Join(got, " ") != test.want {
				t.Fatalf("places on %v, want %s", got, test.want)
			}
		})
	}
}

// TestTwoChoices shows which of two nodes, or zones, that were drawn is taken.
func TestTwoChoices(t *testing.T) {
	for _, test := range []struct {
		name, cluster string
		placement     Placement
		draws         []int
		want          string
	}{
		{"the one with fewer actors", "a:5 b:4 c:1", PlaceLeastLoaded, []int{0, 1}, "b"},
		{"whichever was drawn first", "a:5 b:4 c:1", PlaceLeastLoaded, []int{1, 0}, "b"},
		{"the first of equals", "a:5 b:5 c:1", PlaceLeastLoaded, []int{1, 0}, "b"},
		{"of equals the one with fewer calls", "a:5?1 b:5?2 c:1", PlaceLeastLoaded, []int{1, 0}, "a"},
		{"the same one twice", "a:5 b:4 c:1", PlaceLeastLoaded, []int{0, 0}, "a"},
		{"never one zone twice", "a:9@x b:0@y", PlaceSpread, []int{0, 0}, "b"},
		{"nor the last one", "a:0@x b:9@y", PlaceSpread, []int{1, 0}, "a"},
		{"the zone with fewer actors", "a:5@x b:3@y c:3@y", PlaceSpread, []int{1, 0}, "a"},
		{"counting the full ones", "a:5@x b:6/6@y c:0@y", PlaceSpread, []int{1, 0}, "a"},
		{"and the draining ones", "a:5@x b:6!@y c:0@y", PlaceSpread, []int{1, 0}, "a"},
		{"but not those of other namespaces", "a:5@x b:6~@y c:0@y", PlaceSpread, []int{1, 0}, "c"},
		{"nodes without a zone are one", "a:5 b:9@y c:1", PlaceSpread, []int{1, 0, 0, 1}, "c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := Place(
				Request{Settings: Namespace{Placement: test.placement}, Actor: actorA,
					Members: candidates(t, test.cluster), Random: &script{test.draws}})
			if err != nil || n.ID != test.want {
				t.Fatalf("placed on %q (%v), want %s", n.ID, err, test.want)
			}
		})
	}
}

// TestNoCapacity shows what is said when no node may be taken.
func TestNoCapacity(t *testing.T) {
	for _, test := range []struct {
		name, cluster, refused string
		code                   api.Code
		want                   string
	}{
		{"nobody", "", "", api.CodeUnknownNamespace, `no node hosts namespace "counter"`},
		{"others", "a:0~ b:0~!", "", api.CodeUnknownNamespace, `no node hosts namespace "counter"`},
		{"draining", "a:0! b:0~", "", api.CodeNoCapacity,
			`no capacity for namespace "counter": 1 of 1 nodes is draining: add a node`},
		{"full", "a:9/9 b:9/9 c:0!", "a=full b=full", api.CodeNoCapacity,
			`no capacity for namespace "counter": 2 of 3 nodes are full of busy actors (capacity 9), ` +
				`1 is draining: add a node, or raise --capacity`},
		{"full, of several sizes", "a:9/9 b:0/3 c:5/5", "a=full b=full c=full", api.CodeNoCapacity,
			`no capacity for namespace "counter": 3 of 3 nodes are full of busy actors (capacities 3 to 9): ` +
				`add a node, or raise --capacity`},
		{"memory", "a:1 b:1 c:1/1", "a=memory b=memory c=full", api.CodeNoCapacity,
			`no capacity for namespace "counter": 2 of 3 nodes are at the memory limit with busy actors, 1 is full of busy actors (capacity 1): ` +
				`add a node, or raise --memory-limit`},
		{"a reason not known", "a:1", "a", api.CodeNoCapacity, `1 of 1 nodes is excluded`},
		{"moved away", "a:1 b:0!", "a=leaving", api.CodeNoCapacity,
			`1 of 2 nodes is where the actor moves from, 1 is draining: add a node`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var refused []Refusal
			for _, r := range strings.Fields(test.refused) {
				node, reason, _ := strings.Cut(r, "=")
				refused = append(refused, Refusal{Node: node, Reason: reason})
			}
			_, err := Place(
				Request{Settings: Namespace{Placement: PlaceRandom}, Actor: actorA,
					Members: candidates(t, test.cluster), Refused: refused, Random: &script{}})
			if api.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %v: %s", err, test.code, test.want)
			}
		})
	}
}

// spreadOf places actors, each on top of those before, and returns how many every node has.
func spreadOf(t *testing.T, p Placement, members []Candidate, actors int) map[string]int {
	t.Helper()
	members, random := slices.Clone(members), env.NewRand(3, 4)
	for i := range actors {
		n, err := Place(Request{
			Settings: Namespace{Placement: p}, Actor: api.ActorID{Namespace: "counter", ID: fmt.Sprint(i)},
			Members: members, Random: random, Turn: uint64(i),
		})
		if err != nil {
			t.Fatal(err)
		}
		members[slices.IndexFunc(members, func(c Candidate) bool { return c.Node.ID == n.ID })].Load.Activations++
	}
	counts := make(map[string]int)
	for _, c := range members {
		counts[c.Node.ID] = c.Load.Activations
	}
	return counts
}

func mostAndLeast(counts map[string]int) (most, least int) {
	n := slices.Sorted(maps.Values(counts))
	return n[len(n)-1], n[0]
}

// TestBalance shows how evenly 10,000 actors come to lie on ten nodes: placing by two choices keeps the loads within
// a few of each other where chance, and a hash, do not.
func TestBalance(t *testing.T) {
	members := candidates(t, "a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0 i:0 j:0")
	for placement, apart := range map[Placement]int{
		PlaceLeastLoaded: 20, PlaceSpread: 20, PlaceRoundRobin: 0, PlaceRandom: 200, PlaceRendezvous: 200,
	} {
		if most, least := mostAndLeast(spreadOf(t, placement, members, 10_000)); most-least > apart {
			t.Errorf("%s: one node has %d, another %d", placement, most, least)
		}
	}
}

// TestSpreadBalancesZones shows that zones get as many actors each, however many nodes they have, and that the nodes
// of a zone share them evenly.
func TestSpreadBalancesZones(t *testing.T) {
	members := candidates(t, "a:0@x b:0@y c:0@y d:0@z e:0@z f:0@z")
	counts := spreadOf(t, PlaceSpread, members, 9000)
	zones := map[string]int{"x": counts["a"], "y": counts["b"] + counts["c"],
		"z": counts["d"] + counts["e"] + counts["f"]}
	if most, least := mostAndLeast(zones); most-least > 20 {
		t.Errorf("zones have %v", zones)
	}
	if most, least := mostAndLeast(
		map[string]int{"d": counts["d"], "e": counts["e"], "f": counts["f"]}); most-least > 20 {
		t.Errorf("the nodes of a zone have %v", counts)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
)

func TestShiftsMakeNodesEqual(t *testing.T) {
	for _, c := range []struct {
		name  string
		nodes []Weight
		want  []Shift
	}{
		{"nobody", nil, nil},
		{"one", []Weight{{"a", 7, 0}}, nil},
		{"even", []Weight{{"a", 3, 0}, {"b", 4, 0}, {"c", 3, 0}}, nil},
		{"thirds", []Weight{{"a", 10000, 0}, {"b", 0, 0}, {"c", 0, 0}},
			[]Shift{{"a", "b", 3333, ""}, {"a", "c", 3333, ""}}},
		{"a newcomer", []Weight{{"a", 50, 0}, {"b", 50, 0}, {"c", 0, 0}},
			[]Shift{{"b", "c", 17, ""}, {"a", "c", 16, ""}}},
		{"one is small", []Weight{{"a", 100, 0}, {"b", 0, 10}, {"c", 0, 0}},
			[]Shift{{"a", "c", 45, ""}, {"a", "b", 10, ""}}},
		{"no room", []Weight{{"a", 100, 0}, {"b", 10, 10}}, nil},
		{"all are too small", []Weight{{"a", 100, 20}, {"b", 0, 10}}, []Shift{{"a", "b", 10, ""}}},
	} {
		if got := Balance(c.nodes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBalanceIsReachedByTheFewestMoves(t *testing.T) {
	random := env.NewRand(1, 2)
	for range 2000 {
		nodes := make([]Weight, 1+random.IntN(8))
		for i := range nodes {
			nodes[i] = Weight{Node: fmt.Sprint("n", i), Has: int64(random.IntN(200))}
			if random.IntN(4) == 0 {
				nodes[i].Most = int64(1 + random.IntN(200))
			}
		}
		after := slices.Clone(nodes)
		at := func(id string) *Weight {
			return &after[slices.IndexFunc(after, func(w Weight) bool { return w.Node == id })]
		}
		gave, got := make(map[string]bool), make(map[string]bool)
		for _, s := range Balance(nodes) {
			if s.Amount <= 0 {
				t.Fatalf("%v: shift %v", nodes, s)
			}
			at(s.From).Has -= s.Amount
			at(s.To).Has += s.Amount
			gave[s.From], got[s.To] = true, true
		}
		// The lightest that could take more, and the heaviest: they differ by at most one.
		lightest, heaviest := int64(-1), int64(0)
		for _, n := range after {
			if n.Has < 0 || got[n.Node] && n.Most > 0 && n.Has > n.Most {
				t.Fatalf("%v became %v", nodes, after)
			}
			if gave[n.Node] && got[n.Node] {
				t.Fatalf("%v: %s gives and gets", nodes, n.Node)
			}
			if (n.Most == 0 || n.Has < n.Most) && (lightest < 0 || n.Has < lightest) {
				lightest = n.Has
			}
			heaviest = max(heaviest, n.Has)
		}
		if lightest >= 0 && heaviest-lightest > 1 {
			t.Fatalf("%v became %v", nodes, after)
		}
		if again := Balance(after); len(again) > 0 {
			t.Fatalf("%v became %v, and then again %v", nodes, after, again)
		}
	}
}

// TestPartsGoWhereTheyMay shows plans for nodes that can't all take everything.
func TestPartsGoWhereTheyMay(t *testing.T) {
	part := func(namespace string, actors int64) Part { return Part{namespace, actors, actors} }
	hosts := func(of map[string]string) func(namespace, from, to string) bool {
		return func(namespace, _, to string) bool { return slices.Contains(strings.Fields(of[to]), namespace) }
	}
	for _, c := range []struct {
		name  string
		nodes []Carrier
		may   map[string]string
		want  []Shift
	}{
		{"no other node hosts it", []Carrier{{"a", 0, []Part{part("x", 100)}}, {"b", 0, nil}},
			map[string]string{"a": "x", "b": "y"}, []Shift{}},
		{"only some of it", []Carrier{{"a", 0, []Part{part("x", 90), part("y", 10)}}, {"b", 0, nil}},
			map[string]string{"a": "x y", "b": "y"}, []Shift{{"a", "b", 10, "y"}}},
		{"by way of one in between",
			[]Carrier{{"a", 0, []Part{part("x", 30)}}, {"b", 0, []Part{part("y", 30)}}, {"c", 0, nil}},
			map[string]string{"a": "x", "b": "x y", "c": "y"}, []Shift{{"a", "b", 9, "x"}, {"b", "c", 19, "y"}}},
		{"as much as there is room for", []Carrier{{"a", 0, []Part{part("x", 100)}}, {"b", 10, nil}, {"c", 0, nil}},
			map[string]string{"a": "x", "b": "x", "c": "x"}, []Shift{{"a", "c", 45, "x"}, {"a", "b", 10, "x"}}},
		{"room is counted in actors", []Carrier{{"a", 0, []Part{{"x", 1000, 10}}}, {"b", 2, []Part{{"y", 10, 1}}}},
			map[string]string{"a": "x", "b": "x"}, []Shift{{"a", "b", 100, "x"}}},
		{"more than it may have", []Carrier{{"a", 5, []Part{part("x", 9)}}, {"b", 0, []Part{part("x", 20)}}},
			map[string]string{"a": "x", "b": "x"}, []Shift{{"a", "b", 4, "x"}}},
		{"even but for one", []Carrier{{"a", 0, []Part{part("x", 4)}}, {"b", 0, []Part{part("x", 3)}}},
			map[string]string{"a": "x", "b": "x"}, []Shift{}},
	} {
		if got := BalanceParts(c.nodes, hosts(c.may)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestPlansOfPartsConverge shows of drawn clusters that a plan moves only what may move, that no two nodes are left of
// which one could have relieved the other, and that there is nothing to do after it.
func TestPlansOfPartsConverge(t *testing.T) {
	random := env.NewRand(3, 4)
	for round := range 1000 {
		nodes, allowed := make([]Carrier, 1+random.IntN(6)), make(map[string]bool)
		for i := range nodes {
			nodes[i].Node = fmt.Sprint("n", i)
			for k := range 3 {
				allowed[fmt.Sprint("k", k, nodes[i].Node)] = random.IntN(3) > 0
				if n := int64(random.IntN(60)); random.IntN(3) > 0 && n > 0 {
					nodes[i].Parts = append(nodes[i].Parts, Part{fmt.Sprint("k", k), n, n})
				}
			}
			if random.IntN(4) == 0 {
				nodes[i].Most = int64(1 + random.IntN(150))
			}
		}
		may := func(namespace, from, to string) bool { return from != to && allowed[namespace+to] }
		after := make(map[string]map[string]int64)
		total := func(id string) (sum int64) {
			for _, n := range after[id] { //kelpie:unordered a sum
				sum += n
			}
			return sum
		}
		before := make(map[string]int64)
		for _, n := range nodes {
			after[n.Node] = make(map[string]int64)
			for _, p := range n.Parts {
				after[n.Node][p.Namespace] = p.Amount
			}
			before[n.Node] = total(n.Node)
		}
		for _, s := range BalanceParts(nodes, may) {
			if s.Amount <= 0 || !may(s.Namespace, s.From, s.To) {
				t.Fatalf("round %d: %v of %v", round, s, nodes)
			}
			after[s.From][s.Namespace] -= s.Amount
			after[s.To][s.Namespace] += s.Amount
		}
		again := slices.Clone(nodes)
		for i := range again {
			n := &again[i]
			n.Parts = nil
			for k := range 3 {
				name := fmt.Sprint("k", k)
				if after[n.Node][name] < 0 {
					t.Fatalf("round %d: %v became %v", round, nodes, after)
				}
				n.Parts = append(n.Parts, Part{name, after[n.Node][name], after[n.Node][name]})
			}
			if now := total(n.Node); n.Most > 0 && now > n.Most && now > before[n.Node] {
				t.Fatalf("round %d: %s got more than it may have: %v became %v", round, n.Node, nodes, after)
			}
		}
		if more := BalanceParts(again, may); len(more) > 0 {
			t.Fatalf("round %d: %v became %v, and then again %v", round, nodes, after, more)
		}
	}
}

// TestPlacementBindsARebalance shows between which nodes the strategies of namespaces let actors move.
func TestPlacementBindsARebalance(t *testing.T) {
	node := func(id, zone, namespaces string, state NodeState, labels ...string) NodeInfo {
		return NodeInfo{ID: id, Zone: zone, Namespaces: strings.Fields(namespaces), State: state, Labels: labels}
	}
	all := "aff any hash spread"
	v := &View{
		Nodes: []NodeInfo{node("a", "z1", all, NodeActive, "disk=ssd"), node("b", "z1", all, NodeActive, "disk=ssd"),
			node("c", "z2", all, NodeActive), node("d", "z1", all, NodeDraining), node("e", "z1", "other", NodeActive)},
		Namespaces: []Namespace{{Name: "aff", Placement: PlaceAffinity, Prefer: "disk=ssd"},
			{Name: "any", Placement: PlaceLeastLoaded}, {Name: "hash", Placement: PlaceRendezvous},
			{Name: "spread", Placement: PlaceSpread}},
	}
	for way, want := range map[string]bool{
		"any a b": true, "any a c": true, "any a d": false, "any a e": false, "any d a": true, "any a a": false,
		"any a z": false, "aff a b": true, "aff a c": false, "aff c a": true, "hash a b": false, "spread a b": true,
		"spread a c": false,
	} {
		w := strings.Fields(way)
		if got := v.MayMove(w[0], w[1], w[2]); got != want {
			t.Errorf("%s: %v", way, got)
		}
	}
}

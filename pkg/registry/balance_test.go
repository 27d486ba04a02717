// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
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
		{"thirds", []Weight{{"a", 10000, 0}, {"b", 0, 0}, {"c", 0, 0}}, []Shift{{"a", "b", 3333}, {"a", "c", 3333}}},
		{"a newcomer", []Weight{{"a", 50, 0}, {"b", 50, 0}, {"c", 0, 0}}, []Shift{{"b", "c", 17}, {"a", "c", 16}}},
		{"one is small", []Weight{{"a", 100, 0}, {"b", 0, 10}, {"c", 0, 0}}, []Shift{{"a", "c", 45}, {"a", "b", 10}}},
		{"no room", []Weight{{"a", 100, 0}, {"b", 10, 10}}, nil},
		{"all are too small", []Weight{{"a", 100, 20}, {"b", 0, 10}}, []Shift{{"a", "b", 10}}},
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

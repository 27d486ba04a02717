// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

var testMeta = Meta{LeaseTTL: 5 * time.Second, Heartbeat: time.Second}

func TestWatcherFindsASilentNodeAfterItsLease(t *testing.T) {
	w := NewWatcher(testMeta)
	beat := Beat{Seq: 7}
	for i := range 5 {
		if w.Observe("n1", beat, time.Duration(i)*time.Second) {
			t.Fatalf("silent after %d s of a lease of 5 s", i)
		}
	}
	if !w.Observe("n1", beat, 5*time.Second) {
		t.Fatal("not silent after its lease")
	}
	if beat.Seq++; w.Observe("n1", beat, 6*time.Second) {
		t.Fatal("silent although it has beaten")
	}
}

// A watcher that was paused, or could not beat, has seen too little.
func TestWatcherThatWasPausedFencesNobody(t *testing.T) {
	w := NewWatcher(testMeta)
	w.Observe("n1", Beat{Seq: 1}, 0)
	if w.Observe("n1", Beat{Seq: 1}, time.Hour) {
		t.Fatal("silent after one beat of the watcher")
	}
	for i := range 3 {
		if w.Observe("n1", Beat{Seq: 1}, time.Hour+time.Duration(i)*time.Millisecond) {
			t.Fatalf("silent after %d beats", i+2)
		}
	}
}

func TestWatcherForgetsWhomItNoLongerWatches(t *testing.T) {
	w := NewWatcher(testMeta)
	w.Observe("n1", Beat{Seq: 1}, 0)
	w.Forget(func(string) bool { return false })
	if _, ok := w.Age("n1", time.Second); ok {
		t.Fatal("still known")
	}
}

func viewOf(n int) *View {
	v := &View{}
	for i := range n {
		v.Nodes = append(v.Nodes, NodeInfo{ID: fmt.Sprintf("n%04d", i), State: NodeActive, Namespaces: []string{"counter"}})
	}
	return v
}

func TestEveryMemberIsWatchedByAFew(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 10, 200} {
		v := viewOf(n)
		watchers := make(map[string]int)
		most := 0
		for _, by := range v.Nodes {
			watched := v.Watched(by.ID)
			most = max(most, len(watched))
			for _, w := range watched {
				if w == by.ID {
					t.Fatalf("%s watches itself", w)
				}
				watchers[w]++
			}
		}
		for _, node := range v.Nodes {
			if want := min(watchersPerNode, n-1); watchers[node.ID] != want {
				t.Fatalf("%d nodes: %s is watched by %d, want %d", n, node.ID, watchers[node.ID], want)
			}
		}
		if most > watchersPerNode+2 {
			t.Errorf("%d nodes: one watches %d", n, most)
		}
	}
}

func TestMembersWhoHaveGoneAreNotWatched(t *testing.T) {
	v := viewOf(4)
	v.Nodes[1].State, v.Nodes[2].State = NodeFailed, NodeLeft
	if got := v.Watched("n0000"); !slices.Equal(got, []string{"n0003"}) {
		t.Fatalf("watches %v", got)
	}
}

func TestPlacement(t *testing.T) {
	members := func(loads ...int) []Candidate {
		var out []Candidate
		for i, n := range viewOf(len(loads)).Nodes {
			n.Capacity = 100
			out = append(out, Candidate{Node: n, Activations: loads[i]})
		}
		return out
	}
	draining := members(0, 5)
	draining[0].Node.State = NodeDraining
	for _, test := range []struct {
		name      string
		namespace string
		members   []Candidate
		exclude   []string
		want      []string
		code      api.Code
	}{
		{name: "one node", members: members(3), want: []string{"n0000"}},
		{name: "full nodes are passed over", members: members(100, 7, 100), want: []string{"n0001"}},
		{name: "draining ones too", members: draining, want: []string{"n0001"}},
		{name: "and those that refused", members: members(1, 2), exclude: []string{"n0000"}, want: []string{"n0001"}},
		{name: "somebody makes room", members: members(100, 100), want: []string{"n0000", "n0001"}},
		{name: "nobody makes room", members: members(100, 100), exclude: []string{"n0000", "n0001"}, code: api.CodeNoCapacity},
		{name: "nobody knows the namespace", namespace: "other", members: members(1), code: api.CodeUnknownNamespace},
		{name: "no members", code: api.CodeUnknownNamespace},
	} {
		for _, strategy := range []Placement{PlaceLeastLoaded, PlaceRandom} {
			t.Run(test.name+"/"+string(strategy), func(t *testing.T) {
				ns := test.namespace
				if ns == "" {
					ns = "counter"
				}
				got, err := Place(strategy, ns, test.members, test.exclude, env.NewRand(1, 2))
				if api.CodeOf(err) != test.code {
					t.Fatalf("error %v", err)
				}
				if err == nil && !slices.Contains(test.want, got.ID) {
					t.Fatalf("placed on %s, want one of %v", got.ID, test.want)
				}
			})
		}
	}
}

// Placing by two choices keeps the loads within a few of each other where random placement does not.
func TestLeastLoadedPlacementBalances(t *testing.T) {
	spread := func(p Placement) int {
		random := env.NewRand(3, 4)
		var members []Candidate
		for _, n := range viewOf(10).Nodes {
			members = append(members, Candidate{Node: n})
		}
		for range 10_000 {
			n, err := Place(p, "counter", members, nil, random)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(members, func(c Candidate) bool { return c.Node.ID == n.ID })
			members[i].Activations++
		}
		byLoad := func(a, b Candidate) int { return a.Activations - b.Activations }
		return slices.MaxFunc(members, byLoad).Activations - slices.MinFunc(members, byLoad).Activations
	}
	if two, random := spread(PlaceLeastLoaded), spread(PlaceRandom); two > 20 || two*2 > random {
		t.Fatalf("loads differ by %d with two choices, by %d at random", two, random)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"testing"
	"time"
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
		v.Nodes = append(
			v.Nodes, NodeInfo{ID: fmt.Sprintf("n%04d", i), State: NodeActive, Namespaces: []string{"counter"}})
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

func TestEveryShardHasOneNode(t *testing.T) {
	v := viewOf(20)
	v.Nodes[3].State, v.Nodes[4].State = NodeDraining, NodeFailed
	owner := make(map[int]string)
	for _, n := range v.Nodes {
		for _, shard := range v.ShardsOf(n.ID) {
			if other, ok := owner[shard]; ok || n.State != NodeActive {
				t.Fatalf("shard %d is %s's and %s's", shard, other, n.ID)
			}
			owner[shard] = n.ID
		}
	}
	if len(owner) != DueShards {
		t.Fatalf("%d shards are somebody's", len(owner))
	}
	v.Nodes[7].State = NodeFailed
	moved := 0
	for _, n := range v.Nodes {
		for _, shard := range v.ShardsOf(n.ID) {
			if owner[shard] != n.ID {
				moved++
				if owner[shard] != "n0007" {
					t.Errorf("shard %d went from %s to %s, both alive", shard, owner[shard], n.ID)
				}
			}
		}
	}
	if moved == 0 {
		t.Error("no shard moved")
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"
)

// Weight is how much a node carries, in any unit: actors, bytes, calls a second.
type Weight struct {
	Node string
	Has  int64
	// Most is the most that it may get; 0 is no limit.
	Most int64
}

// Shift is so much that one node is to give to another. Namespace is that of the actors, "" for any.
type Shift struct {
	From, To  string
	Amount    int64
	Namespace string
}

// Balance returns the shifts that make the weights of all nodes equal, but for one unit, and for nodes that can't
// take that much, whose share the others bear. No other shifts that reach that are less in sum: what a node is to get
// goes there directly, and no node both gives and gets. Of nodes whose shares could be a unit more, those that have
// most keep it. Without need there are none.
func Balance(nodes []Weight) []Shift {
	var gives, gets []Weight
	for i, share := range shares(nodes) {
		n := nodes[i]
		switch {
		case n.Has > share:
			gives = append(gives, Weight{Node: n.Node, Has: n.Has - share})
		case n.Has < share:
			gets = append(gets, Weight{Node: n.Node, Has: share - n.Has})
		}
	}
	// The largest first: that makes few shifts.
	bySize := func(a, b Weight) int { return cmp.Or(cmp.Compare(b.Has, a.Has), cmp.Compare(a.Node, b.Node)) }
	slices.SortFunc(gives, bySize)
	slices.SortFunc(gets, bySize)
	var out []Shift
	for len(gives) > 0 && len(gets) > 0 {
		amount := min(gives[0].Has, gets[0].Has)
		out = append(out, Shift{From: gives[0].Node, To: gets[0].Node, Amount: amount})
		if gives[0].Has -= amount; gives[0].Has == 0 {
			gives = gives[1:]
		}
		if gets[0].Has -= amount; gets[0].Has == 0 {
			gets = gets[1:]
		}
	}
	return out
}

// shares returns how much each node is to have.
func shares(nodes []Weight) []int64 {
	out := make([]int64, len(nodes))
	open := make([]int, 0, len(nodes)) // those that bear an equal share, the fullest first
	var total int64
	for i, n := range nodes {
		open = append(open, i)
		total += n.Has
	}
	slices.SortFunc(open, func(a, b int) int {
		return cmp.Or(cmp.Compare(nodes[b].Has, nodes[a].Has), cmp.Compare(nodes[a].Node, nodes[b].Node))
	})
	for len(open) > 0 {
		count := int64(len(open))
		limited := slices.IndexFunc(open, func(i int) bool { return nodes[i].Most > 0 && nodes[i].Most*count < total })
		if limited < 0 {
			for place, i := range open {
				out[i] = total / count
				if int64(place) < total%count {
					out[i]++
				}
			}
			return out
		}
		i := open[limited]
		out[i] = nodes[i].Most
		total -= out[i]
		open = slices.Delete(open, limited, limited+1)
	}
	return out // all are limited: what is too much stays
}

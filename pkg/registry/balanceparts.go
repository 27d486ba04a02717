// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"math"
	"slices"
)

// Part is what a node carries of one namespace: an amount in any unit, and its number of actors.
type Part struct {
	Namespace      string
	Amount, Actors int64
}

// Carrier is a node with what it carries, a part for each namespace.
type Carrier struct {
	Node string
	// Most is the greatest number of actors that it may have; 0 is no limit.
	Most  int64
	Parts []Part
}

// MayMove reports whether a rebalance may move actors of a namespace between two nodes: to one that takes actors and
// hosts the namespace, and as its placement would have it. With affinity, actors stay on the nodes that it prefers;
// with spread, in their zone; with rendezvous, each actor has its node.
func (v *View) MayMove(namespace, from, to string) bool {
	source, known := v.Node(from)
	target, ok := v.Node(to)
	if !known || !ok || from == to || target.State != NodeActive || !slices.Contains(target.Namespaces, namespace) {
		return false
	}
	settings, _ := v.Namespace(namespace)
	switch settings.Placement {
	case PlaceRendezvous:
		return false
	case PlaceAffinity:
		return target.matches(settings.Prefer) || !source.matches(settings.Prefer)
	case PlaceSpread:
		return source.Zone == target.Zone
	}
	return true
}

// BalanceParts is Balance for nodes that can't all take everything: may says what may go from where to where. Of two
// nodes one of which may relieve the other, the amounts differ by a unit at most. What a node gives it had before, and
// it goes directly to the node that keeps it. No node both gives and gets where that can be avoided. Planned again
// after the moves, there is nothing to do.
func BalanceParts(nodes []Carrier, may func(namespace, from, to string) bool) []Shift {
	b := newBalancer(nodes, may)
	for range balanceStepsMax { // each makes nodes more equal, or as equal by fewer moves
		if !b.relieve() && !b.level() && !b.undoSwap() {
			break
		}
	}
	out := make([]Shift, 0, len(b.moved))
	for e, amount := range b.moved { //kelpie:unordered sorted below
		if amount > 0 {
			out = append(out, Shift{nodes[e.from].Node, nodes[e.to].Node, amount, b.namespaces[e.part]})
		}
	}
	slices.SortFunc(out, func(x, y Shift) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(y.Amount, x.Amount), cmp.Compare(x.To, y.To),
			cmp.Compare(x.Namespace, y.Namespace))
	})
	return out
}

// balanceStepsMax bounds the steps of a plan. Each halves a difference, so that few are needed.
const balanceStepsMax = 10_000

// edge is what goes from one node to another, by their places, of a namespace.
type edge struct{ from, to, part int }

// balancer is a plan in the making.
type balancer struct {
	nodes      []Carrier
	may        func(namespace, from, to string) bool
	namespaces []string
	// has and actors are what each node would carry by the plan. left is what it had of each namespace and keeps, each
	// the amount per actor there.
	has, actors []int64
	left, each  [][]int64
	moved       map[edge]int64
}

func newBalancer(nodes []Carrier, may func(namespace, from, to string) bool) *balancer {
	b := &balancer{nodes: nodes, may: may, moved: make(map[edge]int64), has: make([]int64, len(nodes)),
		actors: make([]int64, len(nodes)), left: make([][]int64, len(nodes)), each: make([][]int64, len(nodes))}
	for _, n := range nodes {
		for _, p := range n.Parts {
			b.namespaces = append(b.namespaces, p.Namespace)
		}
	}
	slices.Sort(b.namespaces)
	b.namespaces = slices.Compact(b.namespaces)
	for i, n := range nodes {
		b.left[i], b.each[i] = make([]int64, len(b.namespaces)), make([]int64, len(b.namespaces))
		for _, p := range n.Parts {
			k, _ := slices.BinarySearch(b.namespaces, p.Namespace)
			b.left[i][k], b.each[i][k] = p.Amount, max(p.Amount/max(p.Actors, 1), 1)
			b.has[i] += p.Amount
			b.actors[i] += p.Actors
		}
	}
	return b
}

// relieve moves actors from a node that has more than it may.
func (b *balancer) relieve() bool {
	for i, n := range b.nodes {
		if n.Most == 0 || b.actors[i] <= n.Most {
			continue
		}
		for _, j := range b.byLoad() {
			surplus := (b.actors[i] - n.Most) * max(b.has[i]/max(b.actors[i], 1), 1)
			if i != j && b.shift(i, j, surplus) {
				return true
			}
		}
	}
	return false
}

// level makes the two nodes equal that differ most, among those that can be made so.
func (b *balancer) level() bool {
	order := b.byLoad()
	type pair struct{ from, to int }
	var pairs []pair
	for x, to := range order {
		for _, from := range order[x+1:] {
			if b.has[from]-b.has[to] >= 2 {
				pairs = append(pairs, pair{from, to})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int {
		return cmp.Compare(b.has[q.from]-b.has[q.to], b.has[p.from]-b.has[p.to])
	})
	for _, p := range pairs {
		if b.shift(p.from, p.to, (b.has[p.from]-b.has[p.to])/2) {
			return true
		}
	}
	return false
}

// byLoad returns the places of the nodes, those that have least first.
func (b *balancer) byLoad() []int {
	order := make([]int, len(b.nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(b.has[x], b.has[y]), cmp.Compare(b.nodes[x].Node, b.nodes[y].Node))
	})
	return order
}

// shift moves up to amount from a node to another: first by sending elsewhere what it was to get, which makes no more
// moves, then of what is its own.
func (b *balancer) shift(from, to int, amount int64) bool {
	for source := range b.nodes {
		for k, namespace := range b.namespaces {
			got := edge{source, from, k}
			back := source == to
			if b.moved[got] == 0 || !back && !b.may(namespace, b.nodes[source].Node, b.nodes[to].Node) {
				continue
			}
			if n := min(amount, b.moved[got], b.room(to, b.each[source][k])); n > 0 {
				b.moved[got] -= n
				if back {
					b.left[source][k] += n
				} else {
					b.moved[edge{source, to, k}] += n
				}
				b.carry(from, to, n, b.each[source][k])
				return true
			}
		}
	}
	best := -1 // the namespace of which it has most
	for k, namespace := range b.namespaces {
		if b.left[from][k] > 0 && (best < 0 || b.left[from][k] > b.left[from][best]) &&
			b.may(namespace, b.nodes[from].Node, b.nodes[to].Node) {
			best = k
		}
	}
	if best < 0 {
		return false
	}
	n := min(amount, b.left[from][best], b.room(to, b.each[from][best]))
	if n <= 0 {
		return false
	}
	b.left[from][best] -= n
	b.moved[edge{from, to, best}] += n
	b.carry(from, to, n, b.each[from][best])
	return true
}

// room is how much more a node may get, of actors that are each so much.
func (b *balancer) room(node int, each int64) int64 {
	if b.nodes[node].Most == 0 {
		return math.MaxInt64
	}
	return max(b.nodes[node].Most-b.actors[node], 0) * each
}

// carry counts what has changed hands.
func (b *balancer) carry(from, to int, amount, each int64) {
	actors := (amount + each - 1) / each
	b.has[from] -= amount
	b.has[to] += amount
	b.actors[from] -= actors
	b.actors[to] += actors
}

// undoSwap takes a unit back that only turns round which of two nodes has more.
func (b *balancer) undoSwap() bool {
	for from := range b.nodes {
		for to := range b.nodes {
			for k := range b.namespaces {
				e := edge{from, to, k}
				if b.moved[e] > 0 && b.has[to] > b.has[from] && b.room(from, b.each[from][k]) > 0 {
					b.moved[e]--
					b.left[from][k]++
					b.carry(to, from, 1, b.each[from][k])
					return true
				}
			}
		}
	}
	return false
}

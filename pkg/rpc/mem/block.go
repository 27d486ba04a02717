// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import "slices"

// route is one direction between two hosts, which are named.
type route struct{ from, to string }

// Block stops what from sends to to, one way, until Unblock. Nothing breaks by it: links stall in this
// direction. That from has closed a link, or has crashed, is stopped as well. A dial needs
// both directions, and waits for them until its context ends. Blocking twice is blocking once.
func (n *Network) Block(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocked[route{from, to}] = true
}

// Unblock lets from reach to again: what has stalled and is due by now arrives.
func (n *Network) Unblock(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unblock(route{from, to})
}

// Partition stops what two hosts send each other: it is Block both ways.
func (n *Network) Partition(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocked[route{a, b}] = true
	n.blocked[route{b, a}] = true
}

// Heal ends a partition: it is Unblock both ways.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unblock(route{a, b})
	n.unblock(route{b, a})
}

func (n *Network) unblock(r route) {
	delete(n.blocked, r)
	for _, near := range slices.Clone(n.links) {
		for _, e := range []*end{near, near.peer} {
			if e.from() == r {
				e.advance()
			}
		}
	}
	for _, waiting := range n.dialling {
		waiting.Unpark()
	}
	n.dialling = nil
}

// separated reports whether two hosts can't greet each other. The lock is held.
func (n *Network) separated(a, b string) bool {
	return n.blocked[route{a, b}] || n.blocked[route{b, a}]
}

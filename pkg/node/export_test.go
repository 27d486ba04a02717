// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

// LoadsKnown is how many nodes a node knows a load of.
func LoadsKnown(n *Node) int {
	n.loads.mu.Lock()
	defer n.loads.mu.Unlock()
	return len(n.loads.known)
}

// ArrivalBytes is what a node counts for the actors that are being moved to it.
func ArrivalBytes(n *Node) int {
	n.arrivals.mu.Lock()
	defer n.arrivals.mu.Unlock()
	return n.arrivals.bytes
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

// LoadsKnown is how many nodes a node knows a load of.
func LoadsKnown(n *Node) int { return n.loads.Known() }

// ArrivalBytes is what a node counts for the actors that are being moved to it.
func ArrivalBytes(n *Node) int { return n.host.Arrivals.Bytes() }

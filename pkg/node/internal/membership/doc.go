// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package membership is the node as a member of its cluster: manager.go keeps its lease and watches other nodes,
// barrier.go proves that claims are held, contact.go finds out whether the store answers, peers.go asks other nodes.
package membership

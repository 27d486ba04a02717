// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package moves measures what it costs that actors move: for how long one that is called without a pause does not
// answer (Pause), how many move in a second (Drain), and how long a node's actors are gone that has died (Failover).
// Nodes are in one process, and talk over TCP on loopback; the store is on disk.
package moves

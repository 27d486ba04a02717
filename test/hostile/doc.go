// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Hostile harms a node as a stranger could who reaches its address, and measures what its other callers notice. It
// starts a real node for each mode of harm, calls actors of it, first in quiet and then while a hostile peer, a process
// of its own, is at work, and at last has the peer do everything at once. `make hostile` runs it.
//
// For each mode it prints how much the memory of the node grew, how many heartbeats were missed, whether the lease was
// lost, how many new callers were not served, and the 99th percentile of the latency of calls beside that in quiet.
// Latency counts from when a call was due, so that a standstill counts for every call that it delays. A failed call
// counts as one that took as long as it may. The exit code is 1 if a bar is not held: the memory grows by less than 256
// MiB, no lease is lost, and the 99th percentile stays under 20 times that in quiet.
//
// Everything happens on loopback. The peer has a lower priority than the node, as a stranger does not use the node's
// processor. It has an address of its own, too. Memory is read from /proc, so the program needs Linux.
package main

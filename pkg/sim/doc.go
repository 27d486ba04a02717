// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package sim runs a whole cluster in one process, in simulated time, hurts it, and checks that every promise held.
//
// The nodes are those that run in production: package node, on the coroutines of env/coro, over the network of
// rpc/mem and the store of kv/occ on memory. A seed decides everything: how the cluster is made up, what its clients
// do, what befalls whom and when, and who runs next. The same seed takes the same steps, which Result.TraceHash
// shows.
//
// A run has two phases. First faults rage while clients call; then faults stop, and everything must answer within a
// bound. Checkers look at what callers saw (is there an order of the calls that explains every answer?), at what was
// committed (by whom, and had he the right to?) and at what the store answered. Bugs can be planted, by wrappers
// around what a node is given, to see whether the checkers find them.
//
// Run blocks the calling goroutine for as long as the run takes to compute. Runs share nothing: several may run at
// once.
package sim

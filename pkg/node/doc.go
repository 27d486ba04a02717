// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package node is a node: it hosts actors and serves calls of them.
//
// A call enters at service.go, is routed at router.go, waits in its actor's mailbox (mailbox.go), is run (batch.go) on
// the actor's cached state (state.go), and is answered once its effects are committed through the actor's claim, or,
// if it only reads, once a barrier (barrier.go) has proved that the claim was held when the call arrived. manager.go
// keeps the node's membership and lease, watches other nodes, and drops every activation when the lease is lost.
//
// Around that, budget.go bounds what is on its way, evict.go makes room, hooks.go runs what actors do at the
// beginning and end of an activation, crash.go leaves those alone whose activation fails, and stuck.go gives up those
// whose handlers do not return.
//
// A node is an ordinary object in an env.Env: several live in one process in tests and in simulation.
package node

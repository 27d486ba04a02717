// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package node is a node: it hosts actors and serves calls of them.
//
// This package puts the parts together (node.go), registers their methods (service.go), and starts and stops them. The
// parts are packages below internal, in floors: each imports only what stands below it. From the top:
//
//	admin       what operators ask
//	migration   moves actors between nodes
//	host        runs mailboxes: claims actors, gives them back
//	activation  an actor in memory: batches, hooks, calls of other actors
//	schedule    wakes actors, delivers their messages
//	router      takes a call to its actor's mailbox, here or elsewhere
//	mailbox     the calls that wait
//	membership  the lease, the members, the barrier
//	snapshot    what a moving actor has in memory
//	state       what an activation has of its actor
//	dedup       the answers of calls that may be repeated
//	telemetry   events and measurements
//	call        a call, its end, and how many there may be
//
// A node is an ordinary object in an env.Env: several live in one process in tests and in simulation.
package node

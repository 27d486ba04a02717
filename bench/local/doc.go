// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package local compares calls of actors from inside the node's process, which answer from memory, with the least
// that an actor can be in Go: a goroutine that receives requests from a channel, each with a channel for its reply.
//
// BenchmarkEcho measures a reading call that may be stale, one that is linearizable, and the bare one, 64 callers of
// an actor each, in turns; the linearizable one asks the store, here in memory, that the actor is still the node's.
// BenchmarkAllocs counts what one call allocates: in the process, and over TCP to a node in the same process, both
// sides and the client together.
package local

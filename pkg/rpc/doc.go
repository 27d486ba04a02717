// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package rpc carries calls between processes: a Server answers what a Pool asks, over
// connections that a Transport makes. Package tcp is the transport of production, package mem
// one within a process; a simulated network is a third.
//
// What it promises:
//
//   - Within a connection nothing is lost, altered or reordered: calls of a class arrive in the order
//     of their start. Any fault (a wrong checksum, a malformed or oversized frame, a
//     peer silent for too long) breaks the connection, and nothing else.
//   - Every call ends, once: with the peer's answer, or with an error that says whether it can have been
//     executed. NotSent tells when it certainly was not; api.CodeUnavailable and api.CodeOverloaded, also
//     as answers of the peer, say that too. Nothing is sent a second time by this package.
//   - Deadlines travel as what is left of them, so that clocks are never compared; cancellation
//     travels. The handler's context ends by either, and with the connection.
//   - Errors travel as codes with a message and details (api.Error), never as text to be matched.
//   - Memory that a peer can make us use is bounded: frames, requests in flight, bytes queued.
//
// A connection begins with a hello that names the protocol versions, the cluster, the node and its
// incarnation; a mismatch is refused with its reason. Calls go one way only, from who has dialled: two
// nodes that call each other have two connections. Each has a stream per Class, whose frames
// gather while the one before is written.
//
// Handlers must not alter what they have answered with, nor callers what they have sent. Functions that are said
// not to block run on the tasks that read connections: while they run, nothing else arrives.
//
// All types are safe for concurrent use, except as said. Everything in this package runs in a
// simulated Env as in the real one.
package rpc

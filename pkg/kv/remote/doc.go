// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package remote is a store that another process serves over pkg/rpc: Register makes a server of a ryw.Backend, and
// Open a kv.Store that keeps the same contract at a distance.
//
// Transactions live in the client. The server is asked for read versions, for reads at a version, and to decide
// commits; it keeps nothing of a client but what it is asking for, the watches that it waits for and the versions
// that it has pinned. What the network does becomes one of the contract's errors:
//
//   - A commit that the server certainly did not execute is sent again until its context
//     ends. One that was sent and not answered is kv.ErrCommitUnknown.
//   - A read, and the fetching of a read version, can be repeated without harm. It is, for as long
//     as a read version lives; then it is kv.ErrUnavailable.
//   - A watch whose connection was lost is kv.ErrUnavailable: it has to be made again.
//   - Once the context has ended, reads return its cause.
//   - A read version is kv.ErrTooOld and kv.ErrFutureVersion by the server's clock alone, as it would be in its
//     process, and one of a former life of the server is kv.ErrTooOld. Whatever a connection or a server breaks
//     off, at whatever moment, what is said of a commit is true.
//
// A transaction that reads fetches its read version with its first read, in one round trip; one that only writes is
// one round trip in all. Reads do not wait for each other: those of a moment take one round trip, and one of more
// keys than fit into a request takes as few as its parts, a few at a time. A range is streamed by its reader, page by
// page: kv.Scan asks for the next when the last is consumed, and between them the server holds nothing.
//
// Transactions of kv.PriorityHigh travel in rpc's control class, past everything else, and large commits in a class
// of their own.
//
// What a server holds for its clients is bounded, for each connection and for all, and whatever one of them does, the
// others are served: see Service. What it holds for one that has vanished is released when its connection breaks,
// which takes rpc's keepalive at most ten seconds to notice, but for pinned versions, which expire after
// kv.PinTime. What a client holds is bounded as well: 32 MiB of commits are on their way in a class, others wait;
// what it reads is its caller's; watches, by the server.
package remote

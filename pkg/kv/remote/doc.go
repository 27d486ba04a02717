// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package remote is a store that another process serves over pkg/rpc: Register
// makes a server of a ryw.Backend, and Open a kv.Store that keeps the same contract at a distance.
//
// Transactions live in the client. The server is asked for read versions, for reads at a
// version, and to decide commits; it keeps nothing of a client but the watches that
// it waits for. What the network does becomes one of the contract's errors:
//
//   - A commit that the server certainly did not execute is sent again until its context
//     ends. One that was sent and not answered is kv.ErrCommitUnknown.
//   - A read, and the fetching of a read version, can be repeated without harm. It is, for as long
//     as a read version lives; then it is kv.ErrUnavailable.
//   - A watch whose connection was lost is kv.ErrUnavailable: it has to be made again.
//   - Once the context has ended, reads return its cause.
//
// Transactions of kv.PriorityHigh travel in rpc's control class, past everything else, and
// large commits in a class of their own.
//
// A server bounds what its clients can make it hold: see Service.
package remote

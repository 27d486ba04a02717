// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package fdb is a store on a FoundationDB cluster: Open gives a kv.Store whose
// transactions are FoundationDB's own, through the official client.
//
// That client is a C library, so what needs it is only built with the tag fdb (API version 730: the
// 7.3 line). Every other file is plain Go, and TestTypes type-checks the rest without the library.
//
// The contract is pkg/kv's. What FoundationDB adds to it:
//
//   - The client's network is started by the first Open, once in a process, and runs until the process ends.
//   - Stores of one cluster file share one connection. The cluster need not be reachable: a transaction waits
//     for it until its context ends.
//   - All keys begin with Options.Prefix, which callers do not see. Its length counts against
//     kv.KeyBytesMax and kv.TxBytesMax.
//   - A Range whose context ends while it waits cancels its transaction, since the binding offers no other
//     way to stop it: after it, use Reset. Every other read leaves the transaction as it was.
//   - A commit error other than kv.ErrConflict, kv.ErrTooOld and the too-large ones is
//     kv.ErrCommitUnknown with FoundationDB's error as its cause, except for what was found before
//     anything was sent.
//   - The client bounds the watches of a connection (10,000). One too many is lost at once: Wait returns
//     kv.ErrUnavailable.
//   - kv.PriorityHigh is FoundationDB's system-immediate priority: ratekeeping does not hold it back.
//
// A Store may be used concurrently, a transaction as kv.Tx says.
package fdb

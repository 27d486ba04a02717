// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package fdb is a store on a FoundationDB cluster: Open gives a kv.Store whose transactions are FoundationDB's own,
// through the official client.
//
// That client is a C library, so what needs it is only built with the tag fdb (API version 730: the 7.3 line). Every
// other file is plain Go, and TestTypes type-checks the rest without the library.
//
// The contract is pkg/kv's. What FoundationDB adds to it:
//
//   - The client's network is one thread, started by the first Open. It runs until the process ends: Stop ends it
//     just before, and nothing starts it again.
//   - Stores of one cluster file share one connection, which stays when they are closed. The cluster need not be
//     reachable: a transaction waits for it until its context ends, or Options.Timeout.
//   - What is given of TLS is the process's: all its stores have the same.
//   - All keys begin with Options.Prefix, which callers do not see. Its length counts against
//     kv.KeyBytesMax and kv.TxBytesMax.
//   - A call blocks the task that makes it, and no goroutine besides. When its context ends, what it waits for is
//     cancelled. A Range whose context ends while it waits cancels its transaction, since the binding offers no
//     other way to stop it: after it, use Reset. Every other read leaves the transaction as it was.
//   - A Range is fetched in batches of FoundationDB's choice, of which one more than needed may be on its way when
//     it returns; a commit waits for that, and fails if it does. A transaction with a versionstamped operation,
//     which makes keys unreadable, fetches one pair at a time instead.
//   - codes.go says what each of FoundationDB's errors becomes, and docs/foundationdb.md has its table. A commit
//     error other than kv.ErrConflict, kv.ErrTooOld and the too-large ones is kv.ErrCommitUnknown with
//     FoundationDB's error as its cause, except for what was found before anything was sent.
//   - The client bounds the watches of a connection (10,000). One too many is lost at once: Wait returns
//     kv.ErrUnavailable. Watches outlive connections that break, and are lost when the cluster's version changes.
//   - Only a transaction with a versionstamped operation has a versionstamp.
//   - kv.PriorityHigh is FoundationDB's system-immediate priority: ratekeeping does not hold it back.
//
// A Store may be used concurrently, a transaction as kv.Tx says.
package fdb

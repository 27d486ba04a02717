// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package kv is the contract of the store on which everything stands: FoundationDB's
// transactions, exactly, whichever store implements them.
//
// A store is an ordered map of byte strings with optimistic, strictly serializable transactions. A
// transaction reads at one version, sees its own writes in every kind of
// read, and commits unless something that it read has been written at a
// greater version. Several transactions may share a commit version, in an order of their own.
//
// The caller must
//
//   - treat ErrCommitUnknown as both: it may have happened, and it may still happen later;
//   - not take the success of a transaction that wrote nothing for a proof of anything;
//   - poll where it watches: a Watch is a hint;
//   - keep a transaction's life below five seconds, and its size within the limits.
//
// Transact runs a function in a transaction and tries again what cannot have committed.
//
// A Store is safe for concurrent use. A Tx is used by one task at a time.
//
// Package ryw makes a Tx of a few calls that a store must answer; package occ is such a
// store on an engine in memory or on disk; package remote reaches one in another
// process; package tuple encodes keys; package kvtest is what every store has to pass.
package kv

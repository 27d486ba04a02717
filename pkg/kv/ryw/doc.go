// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package ryw makes a kv.Tx of the few calls of a Backend: it is FoundationDB's
// client-side transaction, with its read-your-writes cache (fdbclient/ReadYourWrites.actor.cpp,
// version 7.3), so that every store behaves as FoundationDB does.
//
// Writes are buffered; reads merge them with what the backend says, and add
// the same read conflict ranges as FoundationDB's, to the byte: what a
// transaction has itself determined adds none. Unlike FoundationDB's, a
// transaction does not remember what it has read from the store.
//
// The read version is fetched once, when the first call needs it, and never for a blind
// write. Everything is checked before anything is sent; a transaction that
// wrote nothing is not sent at all.
//
// New is safe for concurrent use; a transaction is used by one task at a time,
// except that any task may Cancel it. No method blocks but in the backend.
package ryw

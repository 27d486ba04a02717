// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package occ is a store of optimistic transactions on an Engine that can be seen as
// it was: memory (NewMemory) or, durably, Pebble (package pebbledb). It keeps the
// contract of package kv as FoundationDB does.
//
// A transaction reads a snapshot and commits in one step. The resolver knows at which version every
// key was last written, and refuses a commit of which a read range was written at a version greater than its
// read version. What passes joins the open batch. One task, the committer, takes the open batch, has the
// engine make it durable under one version, and then answers; meanwhile the next batch opens.
// So the transactions of a batch share a version, in an order of their own, and one sync of the
// disk serves them all. Transactions of high priority join before all others that wait.
//
// Versions grow about as fast as FoundationDB's, a million a second. A read version lives for
// Options.Window; what reads or commits at an older one fails with kv.ErrTooOld. Snapshots and the
// resolver's history are dropped with the versions that need them, by a timer where nothing else happens, so
// that an idle store keeps no more than its pairs. When a store is opened again its versions jump,
// durably, so that no version of its former life is taken for one of the new.
//
// If the engine fails, the store stops for good: commits of the batch under way end in
// kv.ErrCommitUnknown, everything else in kv.ErrUnavailable, until the engine is opened again. A failed
// write is never tried again: what has reached the disk is not known.
//
// A Store is safe for concurrent use.
package occ

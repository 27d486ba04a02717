// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package occ is a store of optimistic transactions on an Engine that can be seen as
// it was: memory (NewMemory) or, durably, Pebble (package pebbledb). It keeps the
// contract of package kv as FoundationDB does.
//
// A transaction reads a snapshot and commits in one step. One task, the committer, takes all
// commits that wait; decides them in order, refusing those whose read ranges were
// written at a version greater than their read version (resolver); has the
// engine make what is left durable as one batch under one version; and then
// answers. So the transactions of a batch share a version, in an order of their own, and one
// sync of the disk serves them all.
//
// Snapshots and the resolver's history are kept for Options.Window after they were superseded. What
// reads or commits at an older version fails with kv.ErrTooOld. Both are dropped as later batches come,
// so that a store without commits keeps at most the last window's.
//
// If the engine fails to write, the store stops for good: commits of that batch end in
// kv.ErrCommitUnknown, everything after in kv.ErrUnavailable, until it is opened anew. A failed write
// is never tried again: what reached the disk is not known.
//
// A Store is safe for concurrent use.
package occ

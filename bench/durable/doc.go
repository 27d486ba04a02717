// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package durable compares durable calls of actors with plain transactions on the same engine: what ownership and
// exactly one activation cost, beyond writing to disk.
//
// BenchmarkDurable has 64 callers of an actor each against 64 writers of plain transactions. BenchmarkHot has 64
// callers of one and the same actor against one writer that commits one transaction after the other, which is the
// most that an actor could do if it committed call by call: batches make up the difference, and at least 5 times as
// much is aimed at. BenchmarkTogether has what the batches of 64 actors write in one transaction, with one more of
// the same kind waiting, against a transaction for each: what is to be gained by committing for several actors
// together.
package durable

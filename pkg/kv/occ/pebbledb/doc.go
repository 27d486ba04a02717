// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package pebbledb is the durable engine of the embedded store: occ.Engine on Pebble
// (https://github.com/cockroachdb/pebble), a log-structured merge tree.
//
// Apply writes a batch, with its version, as one record of the write-ahead log and returns after the fsync: after
// power loss at any instant the store is as it was after some batch, and not before the last acknowledged one. A
// snapshot never shows what is not durable yet.
//
// A directory is open in one process at a time, and only if this package made it. Blocks and log records carry
// checksums, and an account lists the logs, manifests and tables with what of them is durable: damage is reported as
// kv.ErrCorrupt when it is met, naming the file where that is known, and never served. That holds for files that are
// missing, cut short, or in place of others, in every life of a store. One kind can't be told from a write that the
// loss of power has cut short: damage of the last batches in the log of a store that was not closed, if the power
// went before the account of them, which is not synced, was on the disk. After the death of the process alone the
// account is exact. Closing a store empties its log, and records a checksum of the manifest.
//
// A write error ends the engine: what is on disk is only known after opening it again, in a new process. That holds
// for the log, the manifest and the directory, in whichever task it is met; a table that can't be written, for want
// of space for example, is written again. Where Pebble finds in one of its own tasks that it can't go on for another
// reason, it panics with a message that begins with "pebbledb:".
//
// Pebble has goroutines and clocks of its own, so this package is not simulated; it is tested on a file system that
// forgets what was not synced.
package pebbledb

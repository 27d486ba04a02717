// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package engine compares the embedded store with Pebble, on which it stands: what transactions cost.
//
// BenchmarkCommit has writers of one pair of 100 bytes each, durable before the next, against as many that commit
// synced batches to Pebble itself. BenchmarkRead has transactions that read one key against snapshots of Pebble from
// which one is got. BenchmarkMemory reports what a million keys take in the store in memory, and of the heap in one
// on disk, with what the store knows of conflicts in the last window, in which all of them were written.
package engine

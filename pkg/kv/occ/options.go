// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import "time"

const (
	// defaultWindow is how long FoundationDB keeps a read version usable.
	defaultWindow = 5 * time.Second
	// defaultBatchBytes bounds a batch: a single transaction has up to 10,000,000.
	defaultBatchBytes = 16 << 20
	// defaultBatchTransactions bounds a batch too; their order in it has 16 bits.
	defaultBatchTransactions = 4096
	// defaultQueuedBytes is what may wait for the committer before Commit blocks.
	defaultQueuedBytes = 64 << 20
	// defaultWatches is FoundationDB's default limit of a client.
	defaultWatches = 10_000
	// versionsPerSecond is about how fast versions grow, as FoundationDB's.
	versionsPerSecond = 1_000_000
	// recoveryJump is how far versions jump when a store is opened again, as in a recovery of
	// FoundationDB: no version of an earlier run is valid after it.
	recoveryJump = 100_000_000
)

// Options of a Store. The zero value of each field stands for its default.
type Options struct {
	// Window is how long a read version can be used after it was superseded. Default 5 s.
	Window time.Duration
	// Gather is how long the committer waits, once something has come, for more to share a version. Default 0:
	// what comes during one batch makes up the next.
	Gather time.Duration
	// BatchBytes and BatchTransactions bound one batch. Defaults 16 MiB and 4,096.
	BatchBytes, BatchTransactions int
	// QueuedBytes bounds what waits for the committer: Commit blocks beyond it. Default 64 MiB.
	QueuedBytes int
	// Watches bounds the watches at a time; one more fails with kv.ErrUnavailable. Default 10,000.
	Watches int
}

func (o Options) withDefaults() Options {
	set(&o.Window, defaultWindow)
	set(&o.BatchBytes, defaultBatchBytes)
	set(&o.BatchTransactions, defaultBatchTransactions)
	set(&o.QueuedBytes, defaultQueuedBytes)
	set(&o.Watches, defaultWatches)
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

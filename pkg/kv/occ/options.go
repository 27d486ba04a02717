// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"fmt"
	"time"
)

const (
	// defaultWindow is how long FoundationDB keeps a read version usable.
	defaultWindow = 5 * time.Second
	// defaultBatchBytes bounds a batch: a single transaction has up to 10,000,000.
	defaultBatchBytes = 16 << 20
	// defaultBatchTransactions bounds a batch too.
	defaultBatchTransactions = 4096
	// batchTransactionsMax is how many places a version has: they have 16 bits.
	batchTransactionsMax = 1 << 16
	// defaultQueuedBytes is what may wait to be committed before Commit blocks.
	defaultQueuedBytes = 64 << 20
	// defaultWatches is FoundationDB's default limit of a client.
	defaultWatches = 10_000
	// versionsPerSecond is about how fast versions grow, as FoundationDB's.
	versionsPerSecond = 1_000_000
	// recoveryJump is how far versions jump when a store is opened again, as in a recovery of
	// FoundationDB: no version of an earlier life is valid after it.
	recoveryJump = 100_000_000
)

// Options of a Store. The zero value of each field stands for its default.
type Options struct {
	// Window is how long a read version can be used after it was given. Default 5 s.
	Window time.Duration
	// Gather is how long the committer waits, once there is something to commit, for more to share its
	// version. Default 0: what comes during one batch makes up the next.
	Gather time.Duration
	// BatchBytes and BatchTransactions bound a batch, except that every transaction fits one.
	// Defaults 16 MiB and 4,096; at most 65,536 transactions.
	BatchBytes, BatchTransactions int
	// QueuedBytes bounds what waits to be committed: Commit blocks beyond it, except that of
	// transactions of high priority. Default 64 MiB.
	QueuedBytes int
	// Watches bounds the watches at a time; one more fails with kv.ErrUnavailable. Default 10,000.
	Watches int
}

func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Window, defaultWindow)
	setDefault(&o.BatchBytes, defaultBatchBytes)
	setDefault(&o.BatchTransactions, defaultBatchTransactions)
	setDefault(&o.QueuedBytes, defaultQueuedBytes)
	setDefault(&o.Watches, defaultWatches)
	if min(o.Window, o.Gather) < 0 || min(o.BatchBytes, o.BatchTransactions, o.QueuedBytes, o.Watches) < 0 {
		return o, fmt.Errorf("occ: negative option in %+v", o)
	}
	if o.BatchTransactions > batchTransactionsMax {
		return o, fmt.Errorf("occ: %d transactions in a batch, of at most %d", o.BatchTransactions,
			batchTransactionsMax)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

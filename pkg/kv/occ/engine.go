// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// Engine is an ordered map that can be seen as it was. One task applies batches;
// any number read snapshots.
type Engine interface {
	// Snapshot returns the state after the last applied batch.
	Snapshot() Snapshot

	// Apply makes a batch of sets and clear ranges (no atomic operations: they have been
	// evaluated) visible to later snapshots, atomically, in order, and returns when it is durable.
	// v is greater than every version before; an empty batch makes it durable alone. Slices are not kept
	// after the return. After an error the engine serves no more writes.
	Apply(v kv.Version, batch []ryw.Mutation) error

	// Version returns the version of the last applied batch, 0 for an empty store;
	// after a restart it is that of the last durable batch.
	Version() kv.Version

	// Close waits for nothing but the engine's own resources; snapshots are closed before.
	Close() error
}

// Limited is an Engine that does not always take writes.
type Limited interface {
	Engine

	// Admit returns nil if a write may go on, else why not: kv.ErrFull, or an error for people. It does not block, and
	// is called from many tasks.
	Admit(w Write) error

	// Interrupt has an Apply fail that waits for what may never come, such as room on a disk: the store is being
	// closed.
	Interrupt()
}

// Write is what Admit decides on.
type Write struct {
	// Bytes is about how much is written.
	Bytes int
	// Reserved is that of kv.TxOptions.
	Reserved bool
	// Deletes is true if it only clears keys.
	Deletes bool
}

// Snapshot is an immutable view. It is safe for concurrent use.
type Snapshot interface {
	// Get returns nil for no value; the slice belongs to the caller.
	Get(key []byte) ([]byte, error)
	// Range calls f with the pairs of [begin, end) in order, or in reverse, until f
	// returns false. The slices are valid only during the call.
	Range(begin, end []byte, reverse bool, f func(key, value []byte) bool) error
	Close() error
}

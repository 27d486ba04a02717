// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Backend is what a store must do for Tx to be a transaction on it: reads at a
// version, and a commit that is decided in one step. All methods may block and may be called concurrently.
// Slices given are not modified and not kept after the return; slices returned belong to the caller.
type Backend interface {
	// ReadVersion returns a version at least that of every commit acknowledged before the call.
	ReadVersion(ctx context.Context, p kv.Priority) (kv.Version, error)

	// GetAll reads keys at version v: nil for a key without a value.
	GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error)

	// Range reads [begin, end) at version v; see kv.Reader.
	Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error)

	// Commit decides a transaction: its errors are those of kv.Tx.Commit.
	Commit(ctx context.Context, c *Commit) (Committed, error)

	// Watch returns a watch that fires when key has another value than value (nil: none) had.
	// version is one at which it had it.
	Watch(ctx context.Context, key, value []byte, version kv.Version) (kv.Watch, error)
}

// Beginner is a Backend that can fetch a read version together with the first read at it, for which it would ask over
// a distance twice.
type Beginner interface {
	Backend

	// BeginGetAll is ReadVersion and GetAll at that version, which is 0 if it fails.
	BeginGetAll(ctx context.Context, p kv.Priority, keys [][]byte) (kv.Version, [][]byte, error)

	// BeginRange is ReadVersion and Range at that version, which is 0 if it fails.
	BeginRange(ctx context.Context, p kv.Priority, begin, end []byte, opt kv.RangeOptions) (kv.Version, []kv.KeyValue,
		bool, error)
}

// Commit is a transaction as it is sent to be decided.
type Commit struct {
	Priority kv.Priority
	// Reserved is that of kv.TxOptions.
	Reserved bool
	// ReadVersion is 0 if nothing was read and no version was set: then
	// nothing can conflict, and ReadConflicts is empty.
	ReadVersion    kv.Version
	ReadConflicts  []KeyRange
	WriteConflicts []KeyRange
	Mutations      []Mutation
}

// Committed is the answer to a successful Commit.
type Committed struct {
	Version kv.Version
	// Order is the transaction's place among those of its version.
	Order uint16
}

// KeyRange is half-open.
type KeyRange struct {
	Begin, End []byte
}

// MutationKind is what a Mutation does.
type MutationKind uint8

const (
	MutationSet MutationKind = iota
	MutationClearRange
	MutationAtomic
)

// Mutation is one buffered write, applied in the order they were made.
type Mutation struct {
	Kind MutationKind
	Op   kv.AtomicOp // of MutationAtomic
	// Key is the key, or the beginning of a range; Value is the value, the
	// parameter of Op, or the end of a range.
	Key, Value []byte
}

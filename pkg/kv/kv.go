// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"context"
)

// Version orders commits. Versions grow; several transactions may share one.
// 0 is no version.
type Version int64

// Store is an ordered, strictly serializable key-value store with optimistic
// transactions. It is safe for concurrent use.
type Store interface {
	// Begin starts a transaction. It does not block and does not fail: errors
	// come with the first use that needs the store.
	Begin(TxOptions) Tx

	// Close gives up the store's resources and waits for its tasks. Transactions
	// still open fail with ErrUnavailable, or ErrCommitUnknown at commit.
	Close() error
}

// Priority is how urgently a transaction is served when the store is busy.
type Priority uint8

const (
	PriorityDefault Priority = iota
	// PriorityHigh is for heartbeats: such transactions overtake all others.
	PriorityHigh
)

// TxOptions are the choices made at the beginning of a transaction.
type TxOptions struct {
	Priority Priority
	// Reserved transactions may use the space that an embedded store keeps back on a disk that is almost full, where
	// others fail with ErrFull. It is for small ones by which reading and deleting go on. So may those of PriorityHigh,
	// and those that only clear.
	Reserved bool
}

// KeyValue is a pair as read. Both slices belong to the caller.
type KeyValue struct {
	Key, Value []byte
}

// KeySelector names a key relative to another, as FoundationDB's do: Offset keys
// after the last key that is less than Key (OrEqual: less than or equal to it).
type KeySelector struct {
	Key     []byte
	OrEqual bool
	Offset  int
}

// FirstGreaterOrEqual selects the first key that is at or after key.
func FirstGreaterOrEqual(key []byte) KeySelector { return KeySelector{Key: key, Offset: 1} }

// FirstGreaterThan selects the first key after key.
func FirstGreaterThan(key []byte) KeySelector {
	return KeySelector{Key: key, OrEqual: true, Offset: 1}
}

// LastLessOrEqual selects the last key that is at or before key.
func LastLessOrEqual(key []byte) KeySelector { return KeySelector{Key: key, OrEqual: true} }

// LastLessThan selects the last key before key.
func LastLessThan(key []byte) KeySelector { return KeySelector{Key: key} }

// RangeOptions bound and direct a range read.
type RangeOptions struct {
	// Limit is the greatest number of pairs to return; 0 is no limit of number.
	Limit int
	// BytesMax ends the answer after the pair with which keys and values reach this many
	// bytes; 0 is DefaultRangeBytes. There is always progress of at least one pair.
	BytesMax int
	// Reverse reads from the end towards the beginning.
	Reverse bool
}

// Reader reads at the transaction's read version, seeing the transaction's own writes.
// Slices given to it stay the caller's and may be reused after the call returns;
// slices returned belong to the caller.
type Reader interface {
	// Get returns the value of key: nil if there is none, a non-nil slice of
	// length 0 for an empty value.
	Get(ctx context.Context, key []byte) ([]byte, error)

	// GetAll is Get for several keys in one round trip to the store.
	GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error)

	// GetKey resolves a selector. A selector that runs off the beginning
	// gives the empty key; off the end, "\xff".
	GetKey(ctx context.Context, sel KeySelector) ([]byte, error)

	// Range returns pairs of the half-open range [begin, end) in order, and
	// whether the range may hold more beyond the last pair. (Limit reached or BytesMax reached.)
	// The conflict range of a truncated answer ends at its last key, inclusive.
	Range(ctx context.Context, begin, end []byte, opt RangeOptions) (pairs []KeyValue, more bool, err error)
}

// Tx is a transaction. Its methods may be called by one task at a time (Cancel by any).
//
// As on FoundationDB, the first error of a write, such as ErrOutOfRange or ErrValueTooLarge, is given again by every
// later call, up to Reset. An error that the store gives to a read, or ErrUnreadable, is given again by Commit.
type Tx interface {
	// Reader's reads add conflict ranges: the commit fails with ErrConflict
	// if what was read has been written at a version greater than the read version.
	Reader

	// Snapshot returns a Reader of the same transaction whose reads add no conflict ranges.
	Snapshot() Reader

	// SetReadVersion fixes the read version, which must be known to be committed,
	// before the first read.
	SetReadVersion(Version)
	// ReadVersion returns the read version, fetching it if needed. It is at
	// least the version of every commit acknowledged before the call that fetches it.
	ReadVersion(ctx context.Context) (Version, error)

	Set(key, value []byte)
	Clear(key []byte)
	// ClearRange clears the half-open range [begin, end).
	ClearRange(begin, end []byte)
	// Atomic applies op to key when the transaction commits, without reading it.
	Atomic(op AtomicOp, key, param []byte)

	// AddReadConflictRange and AddWriteConflictRange take half-open ranges.
	// A range with its end before its beginning is refused with ErrInvalidRange and, as on
	// FoundationDB, leaves the transaction as it was; every other error poisons it as
	// that of a write does, and need not be looked at here.
	AddReadConflictRange(begin, end []byte) error
	AddWriteConflictRange(begin, end []byte) error

	// Watch returns a watch of key as this transaction sees it. It is armed by a successful commit. It is a hint:
	// poll as well. A key that the transaction has made unreadable is watched without an error, and the transaction
	// is as before: it is the watch that has failed, with ErrUnreadable. A watch whose key is made unreadable after
	// it has fired.
	Watch(ctx context.Context, key []byte) (Watch, error)

	// Commit ends the transaction. It returns nil when the transaction is
	// durable; an error that is ErrConflict, ErrTooOld, ErrFull or one of the ErrTooLarge
	// kind when it has not happened and never will; the error that poisoned the
	// transaction, before anything was sent; and ErrCommitUnknown
	// in every other case: it may have happened, or may still happen later.
	// A transaction with neither mutations nor write conflict ranges is not checked:
	// its success proves nothing.
	Commit(ctx context.Context) error

	// CommittedVersion returns the version of a successful Commit, or 0 if that
	// had nothing to write.
	CommittedVersion() Version
	// Versionstamp returns the 10 bytes (version, order in it) with which
	// versionstamped operations of a successful Commit were completed. A transaction without such
	// operations may have none: ErrNoVersion.
	Versionstamp() ([]byte, error)

	// Reset makes the transaction as new, with the same options. Watches not
	// yet armed are cancelled.
	Reset()
	// Cancel ends the transaction without effect, if it is not being committed:
	// everything after it fails with ErrCancelled.
	Cancel()
}

// Watch waits for one key to change.
type Watch interface {
	// Wait is called after the commit, by one task at a time. It blocks until the key has another value than when the
	// watch was made (nil), the watch was lost and must be made again (ErrUnavailable), its transaction was
	// cancelled, reset or failed (ErrCancelled), or ctx ended. Of a key that the transaction had made unreadable it
	// returns ErrUnreadable, also before the commit.
	Wait(ctx context.Context) error
	// Cancel gives the watch up. It must be called unless Wait returned other than by ctx.
	Cancel()
}

// AtomicOp is a read-modify-write done by the store at commit. Values are
// FoundationDB's mutation types.
type AtomicOp uint8

const (
	AtomicAdd                    AtomicOp = 2
	AtomicAnd                    AtomicOp = 6
	AtomicOr                     AtomicOp = 7
	AtomicXor                    AtomicOp = 8
	AtomicAppendIfFits           AtomicOp = 9
	AtomicMax                    AtomicOp = 12
	AtomicMin                    AtomicOp = 13
	AtomicSetVersionstampedKey   AtomicOp = 14
	AtomicSetVersionstampedValue AtomicOp = 15
	AtomicByteMin                AtomicOp = 16
	AtomicByteMax                AtomicOp = 17
	AtomicCompareAndClear        AtomicOp = 20
)

// Limits, FoundationDB's own (https://apple.github.io/foundationdb/known-limitations.html).
const (
	// KeyBytesMax is the length of the longest key that can be written.
	KeyBytesMax = 10_000
	// ValueBytesMax is the length of the longest value.
	ValueBytesMax = 100_000
	// TxBytesMax is the greatest approximate size of a transaction.
	TxBytesMax = 10_000_000
	// DefaultRangeBytes is the size of a range answer where none is asked for.
	DefaultRangeBytes = 1 << 20
)

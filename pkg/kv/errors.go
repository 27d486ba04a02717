// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"errors"
	"fmt"
)

// Error is an error of a store. Code is FoundationDB's number where there is one.
// Errors are compared by code: errors.Is(err, kv.ErrConflict).
type Error struct {
	Code    int
	Message string
	// Cause says more; it may be nil.
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Cause)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is a store error of the same code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// With returns an error of the same code with a cause.
func (e *Error) With(cause error) *Error {
	return &Error{Code: e.Code, Message: e.Message, Cause: cause}
}

// The errors that a caller must tell apart.
var (
	// ErrConflict: something read was written since the read version. Not committed.
	ErrConflict = &Error{Code: 1020, Message: "conflict with another transaction"}
	// ErrTooOld: the read version has left the window. Not committed.
	ErrTooOld = &Error{Code: 1007, Message: "read version too old"}
	// ErrFutureVersion: the read version has not been reached yet.
	ErrFutureVersion = &Error{Code: 1009, Message: "read version in the future"}
	// ErrCommitUnknown: may have been committed, or may still be, later.
	ErrCommitUnknown = &Error{Code: 1021, Message: "commit result unknown"}
	// ErrCancelled: the transaction was cancelled.
	ErrCancelled = &Error{Code: 1025, Message: "transaction cancelled"}
	// ErrUnreadable: read of a key that a versionstamped operation of the same transaction writes.
	ErrUnreadable = &Error{Code: 1036, Message: "key made unreadable by a versionstamped operation"}
	// ErrInvalidOperation: an operation that makes no sense, such as a versionstamp beyond the
	// end of its value, or a second read version.
	ErrInvalidOperation = &Error{Code: 2000, Message: "invalid operation"}
	// ErrOutOfRange: a key outside of the key space.
	ErrOutOfRange = &Error{Code: 2004, Message: "key outside of the key space"}
	// ErrInvalidRange: the end of a range lies before its beginning.
	ErrInvalidRange = &Error{Code: 2005, Message: "range with its end before its beginning"}
	// ErrUsed: the transaction was committed, or is being committed.
	ErrUsed = &Error{Code: 2017, Message: "transaction used after commit"}
	// ErrNoVersion: asked for the versionstamp of a transaction that has none.
	ErrNoVersion = &Error{Code: 2021, Message: "transaction without a committed version"}
	// ErrTxTooLarge, ErrKeyTooLarge and ErrValueTooLarge: over a limit. Not committed.
	ErrTxTooLarge    = &Error{Code: 2101, Message: fmt.Sprintf("transaction over %d bytes", TxBytesMax)}
	ErrKeyTooLarge   = &Error{Code: 2102, Message: fmt.Sprintf("key over %d bytes", KeyBytesMax)}
	ErrValueTooLarge = &Error{Code: 2103, Message: fmt.Sprintf("value over %d bytes", ValueBytesMax)}
	// ErrUnavailable: the store can't be reached or does not serve. Code is Kelpie's own.
	ErrUnavailable = &Error{Code: 1, Message: "store unavailable"}
	// ErrCorrupt: what the store holds fails its checksum. Code is Kelpie's own.
	ErrCorrupt = &Error{Code: 2, Message: "store corrupt"}
	// ErrFull: the store's disk is almost full, and what is left is for reading, deleting and heartbeats. Not
	// committed. Code is Kelpie's own.
	ErrFull = &Error{Code: 3, Message: "disk almost full"}
)

// IsTooLarge reports whether err is one of the three size errors.
func IsTooLarge(err error) bool {
	return errors.Is(err, ErrTxTooLarge) || errors.Is(err, ErrKeyTooLarge) || errors.Is(err, ErrValueTooLarge)
}

// NeverCommitted reports whether err, returned by Commit, proves that the transaction
// has not been committed and never will be.
func NeverCommitted(err error) bool {
	if errors.Is(err, ErrCommitUnknown) {
		return false // whatever its cause
	}
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrTooOld) || errors.Is(err, ErrFull) || IsTooLarge(err)
}

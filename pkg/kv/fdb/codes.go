// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import "github.com/kelpiehq/kelpie/pkg/kv"

// What FoundationDB's error codes mean is decided here, in plain Go, so that it is tested where its library is not.
// docs/foundationdb.md has the same table for people, and a test compares the two.

// fault is an error of FoundationDB.
type fault struct {
	code int
	name string // FoundationDB's own
	// read is what a read with this error gives, or another call that changes nothing.
	read *kv.Error
	// maybe: a transaction whose commit has this error may have been committed, or may still be. It is what
	// FoundationDB's predicate says, and what errors of time, cancellation and connections leave open; commitFault is
	// more careful.
	maybe bool
}

// faults are the errors that a client can meet, by their codes. What is not among them is treated by its class: see
// readFault.
var faults = []fault{
	{1004, "timed_out", kv.ErrUnavailable, true},
	{1006, "all_alternatives_failed", kv.ErrUnavailable, true},
	{1007, "transaction_too_old", kv.ErrTooOld, false},
	{1009, "future_version", kv.ErrFutureVersion, false},
	{1020, "not_committed", kv.ErrConflict, false},
	{1021, "commit_unknown_result", kv.ErrUnavailable, true},
	{1022, "commit_unknown_result_fatal", kv.ErrUnavailable, true},
	{1025, "transaction_cancelled", kv.ErrCancelled, true},
	{1026, "connection_failed", kv.ErrUnavailable, true},
	{1031, "transaction_timed_out", kv.ErrUnavailable, true},
	{1032, "too_many_watches", kv.ErrUnavailable, false},
	{1036, "accessed_unreadable", kv.ErrUnreadable, false},
	{1037, "process_behind", kv.ErrFutureVersion, false},
	{1038, "database_locked", kv.ErrUnavailable, false},
	{1039, "cluster_version_changed", kv.ErrUnavailable, true},
	{1042, "commit_proxy_memory_limit_exceeded", kv.ErrUnavailable, false},
	{1051, "batch_transaction_throttled", kv.ErrUnavailable, false},
	{1078, "grv_proxy_memory_limit_exceeded", kv.ErrUnavailable, false},
	{1100, "broken_promise", kv.ErrUnavailable, true},
	{1101, "operation_cancelled", kv.ErrUnavailable, true},
	{1213, "tag_throttled", kv.ErrUnavailable, false},
	{1223, "proxy_tag_throttled", kv.ErrUnavailable, false},
	{1515, "no_cluster_file_found", kv.ErrUnavailable, false},
	{2000, "client_invalid_operation", kv.ErrInvalidOperation, false},
	{2002, "commit_read_incomplete", kv.ErrInvalidOperation, false},
	{2004, "key_outside_legal_range", kv.ErrOutOfRange, false},
	{2005, "inverted_range", kv.ErrInvalidRange, false},
	{2010, "read_version_already_set", kv.ErrInvalidOperation, false},
	{2011, "version_invalid", kv.ErrInvalidOperation, false},
	{2017, "used_during_commit", kv.ErrUsed, false},
	{2018, "invalid_mutation_type", kv.ErrInvalidOperation, false},
	{2021, "no_commit_version", kv.ErrNoVersion, false},
	{2101, "transaction_too_large", kv.ErrTxTooLarge, false},
	{2102, "key_too_large", kv.ErrKeyTooLarge, false},
	{2103, "value_too_large", kv.ErrValueTooLarge, false},
	{2104, "connection_string_invalid", kv.ErrUnavailable, false},
	{2107, "tls_error", kv.ErrUnavailable, false},
	{2124, "all_external_clients_failed", kv.ErrUnavailable, false},
	{2125, "incompatible_client", kv.ErrUnavailable, false},
	{2130, "tenant_name_required", kv.ErrInvalidOperation, false},
}

var faultByCode = func() map[int]fault {
	byCode := make(map[int]fault, len(faults))
	for _, f := range faults {
		byCode[f.code] = f
	}
	return byCode
}()

// The codes from codeMisuse up to codeMisuseEnd say that a call makes no sense: trying again does not help.
const (
	codeMisuse    = 2000
	codeMisuseEnd = 3000
)

// readFault is what a read gives that failed with an error of FoundationDB, cause, of that code.
func readFault(code int, cause error) *kv.Error {
	known, ok := faultByCode[code]
	switch {
	case ok && known.read.Code == code:
		return known.read // says the same as the cause
	case ok:
		return known.read.With(cause)
	case code >= codeMisuse && code < codeMisuseEnd:
		return kv.ErrInvalidOperation.With(cause)
	}
	return kv.ErrUnavailable.With(cause)
}

// commitFault is what a commit gives that failed with an error of FoundationDB, cause, of that code. Only what kv.Tx
// names proves that nothing was committed, and never will be.
func commitFault(code int, cause error) *kv.Error {
	if known, ok := faultByCode[code]; ok && known.read.Code == code && kv.NeverCommitted(known.read) {
		return known.read
	}
	return kv.ErrCommitUnknown.With(cause)
}

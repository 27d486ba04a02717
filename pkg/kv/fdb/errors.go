// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"errors"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// errClosed is what a closed store answers.
var errClosed = kv.ErrUnavailable.With(errors.New("store closed"))

// FoundationDB's codes that kv has no errors of their own for, and that tell more than that the store is unavailable.
const (
	codeProcessBehind         = 1037 // no storage server has got to the read version
	codeReadVersionAlreadySet = 2010
	codeInvalidMutationType   = 2018
)

// readErrors are the errors of a read, or of another call that changes nothing, by FoundationDB's code.
var readErrors = byCode(
	kv.ErrConflict, kv.ErrTooOld, kv.ErrFutureVersion, kv.ErrCancelled, kv.ErrUnreadable, kv.ErrInvalidOperation, kv.ErrOutOfRange,
	kv.ErrInvalidRange, kv.ErrUsed, kv.ErrNoVersion, kv.ErrTxTooLarge, kv.ErrKeyTooLarge, kv.ErrValueTooLarge,
)

// commitErrors are those errors of a commit that prove that it has not happened and never will.
var commitErrors = byCode(kv.ErrConflict, kv.ErrTooOld, kv.ErrTxTooLarge, kv.ErrKeyTooLarge, kv.ErrValueTooLarge)

func byCode(known ...*kv.Error) map[int]*kv.Error {
	codes := make(map[int]*kv.Error, len(known))
	for _, err := range known {
		codes[err.Code] = err
	}
	return codes
}

// readError makes an error of FoundationDB one of kv's, and leaves others as they are.
func readError(err error) error {
	var fdbErr fdb.Error
	if !errors.As(err, &fdbErr) {
		return err
	}
	if known, ok := readErrors[fdbErr.Code]; ok {
		return known
	}
	switch fdbErr.Code {
	case codeProcessBehind:
		return kv.ErrFutureVersion.With(fdbErr)
	case codeReadVersionAlreadySet, codeInvalidMutationType:
		return kv.ErrInvalidOperation.With(fdbErr)
	}
	return kv.ErrUnavailable.With(fdbErr)
}

// commitError is the error of a commit that was sent, or may have been.
func commitError(err error) error {
	var fdbErr fdb.Error
	if errors.As(err, &fdbErr) {
		if known, ok := commitErrors[fdbErr.Code]; ok {
			return known
		}
	}
	return kv.ErrCommitUnknown.With(err)
}

func isStoreError(err error) bool {
	var storeErr *kv.Error
	return errors.As(err, &storeErr)
}

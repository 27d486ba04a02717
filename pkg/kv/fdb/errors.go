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

// readError makes an error of FoundationDB one of kv's, and leaves others as they are.
func readError(err error) error {
	if fdbErr, ok := errors.AsType[fdb.Error](err); ok {
		return readFault(fdbErr.Code, fdbErr)
	}
	return err
}

// commitError is the error of a commit that was sent, or may have been.
func commitError(err error) error {
	if fdbErr, ok := errors.AsType[fdb.Error](err); ok {
		return commitFault(fdbErr.Code, fdbErr)
	}
	return kv.ErrCommitUnknown.With(err)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// ErrLocked is in the chain of Open's error if another process has the directory open.
var ErrLocked = errors.New("in use by another process")

// ErrForeign is in the chain of Open's error if the directory has files, but no store of Kelpie's,
// or one of a format that this release does not know.
var ErrForeign = errors.New("not a data directory of this version of kelpie")

// ErrFailed is in the chain of Apply's error after a failed write: the
// process has to be restarted.
var ErrFailed = errors.New("store stopped after a failed write")

// readError says what a failed read means.
func readError(err error) error {
	if pebble.IsCorruptionError(err) {
		return corrupt(err)
	}
	return kv.ErrUnavailable.With(err)
}

// openError says what a failure to open a store means that exists if complete is true.
// The system's errors stay what they are. All others say that the files are not
// those that were written, also where Pebble does not call that corruption: a missing manifest, a shortened table.
func openError(dir string, complete bool, err error) error {
	if abandoned, ok := errors.AsType[*abandonedError](err); ok {
		return &abandonedError{openError(dir, complete, abandoned.error)}
	}
	if full, ok := errors.AsType[*FullError](err); ok {
		return full
	}
	if errors.Is(err, kv.ErrCorrupt) || isFull(err) {
		return dirError(dir, err)
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if pebble.IsCorruptionError(err) || complete && (missing || !isSystemError(err)) {
		return corrupt(fmt.Errorf("data directory %s: %w", dir, err))
	}
	return dirError(dir, err)
}

func dirError(dir string, err error) error {
	return fmt.Errorf("data directory %s: %w", dir, err)
}

func isSystemError(err error) bool {
	var path *fs.PathError
	var errno syscall.Errno
	return errors.As(err, &path) || errors.As(err, &errno)
}

// corrupt makes a kv.ErrCorrupt that names the damaged file, if Pebble does.
func corrupt(err error) error {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil && info.Details != nil {
		return kv.ErrCorrupt.With(fmt.Errorf("%s: %w", info.Path, info.Details))
	}
	var detailed interface {
		error
		ErrorDetail() string
	}
	if errors.As(err, &detailed) {
		return kv.ErrCorrupt.With(fmt.Errorf("%w: %s", err, detailed.ErrorDetail()))
	}
	return kv.ErrCorrupt.With(err)
}

// recoverFatal turns a panic by which Pebble gave up into an error. Other panics are ours, or
// the runtime's, and go on.
func recoverFatal(err *error) {
	switch r := recover().(type) {
	case nil:
	case runtime.Error:
		panic(r)
	case error:
		*err = r
	default:
		panic(r)
	}
}

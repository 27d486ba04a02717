// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logSuffix ends the names of Pebble's write-ahead logs.
const logSuffix = ".log"

// walFS catches the failure to begin a new log, for which a full disk is enough: Pebble would
// panic with a lock in a state that makes the runtime end the process without a word about the cause.
// Instead, the write that needs the log never returns, and failed says why.
type walFS struct {
	vfs.FS
	// watching is set once the store is open; until then Pebble returns the error.
	watching atomic.Bool
	failed   chan error // of capacity 1
}

func newWALFS(fsys vfs.FS) *walFS { return &walFS{FS: fsys, failed: make(chan error, 1)} }

// Create implements vfs.FS.
func (w *walFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.Create(name, category)
	w.check(name, err)
	return f, err
}

// ReuseForWrite implements vfs.FS.
func (w *walFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.ReuseForWrite(oldName, newName, category)
	w.check(newName, err)
	return f, err
}

// Unwrap implements vfs.FS.
func (w *walFS) Unwrap() vfs.FS { return w.FS }

// check does not return if err means that there is no new log.
func (w *walFS) check(name string, err error) {
	if err == nil || !w.watching.Load() || !strings.HasSuffix(name, logSuffix) {
		return
	}
	select {
	case w.failed <- err:
	default: // the engine has failed already
	}
	select {}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A directory with a store has a file markerName. While the store is being made it has
// markerNewName instead: a crash then leaves nothing that was acknowledged, and the next Open starts over. So a store
// whose own files are lost is never taken for a new one.
const (
	markerName    = "KELPIE"
	markerNewName = "KELPIE.new"
	// markerText is the magic and schema. A release that can't be read by its
	// predecessors raises the number.
	markerText = "kelpie store, schema 1\n"
	// lockName is the file that Pebble locks.
	lockName = "LOCK"
)

// marker is the state of a directory: of another program, empty, or a store.
type marker struct {
	fs  vfs.FS
	dir string
}

// complete reports whether the directory has a store. It returns an error that
// is ErrForeign if it has anything else.
func (m marker) complete() (bool, error) {
	text, err := m.read()
	if err == nil {
		if text != markerText {
			return false, fmt.Errorf("%w: its %s file says %q, want %q", ErrForeign, markerName, text, markerText)
		}
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, m.checkVacant()
}

func (m marker) read() (string, error) {
	f, err := m.fs.Open(m.path(markerName))
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256))
	return string(text), err
}

// checkVacant returns nil if the directory is empty or has a store that was never finished.
func (m marker) checkVacant() error {
	names, err := m.fs.List(m.dir)
	if err != nil {
		return err
	}
	other := ""
	for _, name := range names {
		switch name {
		case markerNewName:
			return nil
		case lockName:
		default:
			other = name
		}
	}
	if other != "" {
		return fmt.Errorf("%w: it has other files, for example %s", ErrForeign, other)
	}
	return nil
}

// begin records, durably, that a store is being made.
func (m marker) begin() error {
	f, err := m.fs.Create(m.path(markerNewName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, markerText); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

// finish records, durably, that the store has been made.
func (m marker) finish() error {
	if err := m.fs.Rename(m.path(markerNewName), m.path(markerName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

func (m marker) path(name string) string { return m.fs.PathJoin(m.dir, name) }

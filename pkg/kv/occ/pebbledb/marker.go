// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// A directory with a store has a file markerName. While the store is being made it has markerNewName, until markerName
// is durable: a crash then leaves nothing that was acknowledged, and the next Open starts over. So a store whose own
// files are lost is never taken for a new one. The one is not renamed to the other: a disk may lose the new name and
// the old one, too.
const (
	markerName    = "KELPIE"
	markerNewName = "KELPIE.new"
	// markerText is the magic and schema. A release that can't be read by its
	// predecessors raises the number.
	markerText  = markerMagic + "1\n"
	markerMagic = "kelpie store, schema "
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
			if m.unfinished() && !m.accounted() {
				return false, nil
			}
			if !wellFormed(text) && m.accounted() {
				return false, kv.ErrCorrupt.With(fmt.Errorf("%s is damaged", m.path(markerName)))
			}
			return false, fmt.Errorf("%w: its %s file says %q, want %q", ErrForeign, markerName, text, markerText)
		}
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, m.checkVacant()
}

// wellFormed reports whether some release may have written a text.
func wellFormed(text string) bool {
	number, found := strings.CutPrefix(text, markerMagic)
	number, ended := strings.CutSuffix(number, "\n")
	_, err := strconv.Atoi(number)
	return found && ended && err == nil
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
	if m.accounted() {
		return kv.ErrCorrupt.With(fmt.Errorf("%s is missing", m.path(markerName)))
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

// unfinished reports whether the directory has a store that is being made. A store that was made may have the file
// still.
func (m marker) unfinished() bool {
	_, err := m.fs.Stat(m.path(markerNewName))
	return err == nil
}

// accounted reports whether the directory has the account of a store, which is not there before the store is complete.
func (m marker) accounted() bool {
	_, err := m.fs.Stat(m.path(accountName))
	return err == nil
}

// begin records, durably, that a store is being made.
func (m marker) begin() error { return m.write(markerNewName) }

func (m marker) write(name string) error {
	f, err := m.fs.Create(m.path(name), vfs.WriteCategoryUnspecified)
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
	if err := m.write(markerName); err != nil {
		return err
	}
	return m.removeNew()
}

// settle does what is left of finish, if the process died in it: what it has written may not be durable.
func (m marker) settle() error {
	if !m.unfinished() {
		return nil
	}
	f, err := m.fs.OpenReadWrite(m.path(markerName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := syncDir(m.fs, m.dir); err != nil {
		return err
	}
	return m.removeNew()
}

func (m marker) removeNew() error {
	if err := m.fs.Remove(m.path(markerNewName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

func (m marker) path(name string) string { return m.fs.PathJoin(m.dir, name) }

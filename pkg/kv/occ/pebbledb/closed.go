// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// A store that was closed has a file closedName, with the name, size and checksum of its manifest. Pebble
// takes a damaged record of a manifest for the end of it, as after a loss of power. The tables of
// later records would then be deleted, and what they hold be missed by nobody.
const (
	closedName    = "CLOSED"
	closedNewName = "CLOSED.new"
)

// manifest is Pebble's current manifest in a directory.
type manifest struct {
	fs  vfs.FS
	dir string
}

// read returns the name and the contents; an empty name if there is none.
func (m manifest) read() (name string, data []byte, err error) {
	name, err = atomicfs.ReadMarker(m.fs, m.dir, "manifest")
	if err != nil || name == "" {
		return "", nil, err
	}
	data, err = m.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil // Pebble says what is wrong
	}
	return name, data, err
}

func (m manifest) readFile(name string) ([]byte, error) {
	return readFile(m.fs, m.fs.PathJoin(m.dir, name))
}

func readFile(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func (m manifest) describe() (string, error) {
	name, data, err := m.read()
	return fmt.Sprintf("%s %d %08x\n", name, len(data), crc32.Checksum(data, castagnoli)), err
}

// seal records, durably, the manifest of a store that has been closed.
func (m manifest) seal() error {
	text, err := m.describe()
	if err != nil {
		return err
	}
	path := m.fs.PathJoin(m.dir, closedNewName)
	f, err := m.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := m.fs.Rename(path, m.fs.PathJoin(m.dir, closedName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

// unseal returns kv.ErrCorrupt if the manifest is damaged, as far as that can be told. Before it returns nil it
// removes what seal has recorded, durably.
func (m manifest) unseal() error {
	name, data, err := m.read()
	if err != nil {
		return err
	}
	if at, ok := manifestFormat.damagedAt(data); ok {
		return damagedRecord(m.fs.PathJoin(m.dir, name), at)
	}
	sealed, err := m.readFile(closedName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := m.describe()
	if err != nil {
		return err
	}
	if string(sealed) != found {
		return kv.ErrCorrupt.With(
			fmt.Errorf("%s, or %s in the same directory: one says %q, the other %q", m.fs.PathJoin(m.dir, name),
				closedName, found, sealed))
	}
	if err := m.fs.Remove(m.fs.PathJoin(m.dir, closedName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleMarkerPrefix begins the names of the empty files by which Pebble says which
// manifest, for one, is current. It makes the new one and then removes the old one.
const pebbleMarkerPrefix = "marker."

// orderedFS makes the steps by which Pebble moves a marker durable in their order. Pebble
// itself syncs the directory only after the last one; a disk that
// keeps unsynced directory entries in another order could, after power loss, have a
// marker without the file that it names, or no marker.
type orderedFS struct {
	vfs.FS
}

// Create syncs what a marker may name before it makes the marker.
func (o orderedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.beforeMarker(name); err != nil {
		return nil, err
	}
	return o.FS.Create(name, category)
}

// Remove syncs a marker's successor before it removes the marker.
func (o orderedFS) Remove(name string) error {
	if err := o.beforeMarker(name); err != nil {
		return err
	}
	return o.FS.Remove(name)
}

// Unwrap implements vfs.FS.
func (o orderedFS) Unwrap() vfs.FS { return o.FS }

func (o orderedFS) beforeMarker(name string) error {
	if !strings.HasPrefix(o.PathBase(name), pebbleMarkerPrefix) {
		return nil
	}
	return syncDir(o.FS, o.PathDir(name))
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is a file system of which the operations that change it can be counted, stopped, refused and forgotten.
type disk struct {
	vfs.FS
	// crashAt is the operation, counted from 1, before which crash is called, while no other is under way.
	crashAt int64
	crash   func()
	// fault, if it is set, says what an operation fails with; it may do a part of it before.
	fault func(op *operation) error
	// forgetful disks say that they have synced, and have not.
	forgetful bool

	operations atomic.Int64
	mu         sync.RWMutex // held in write mode while the power goes
}

// operation is one that changes what a disk has.
type operation struct {
	kind string // create, link, remove, rename, reuse, mkdir, write or sync
	path string
	data []byte                         // of a write
	part func(data []byte) (int, error) // of a write: writes something, of which the caller is told
}

func (d *disk) do(op operation, f func() error) error {
	if d.operations.Add(1) == d.crashAt {
		d.mu.Lock()
		d.crash()
		d.mu.Unlock()
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fault != nil {
		if err := d.fault(&op); err != nil {
			return err
		}
	}
	if op.kind == "sync" && d.forgetful {
		return nil
	}
	return f()
}

// file opens a file that may be changed.
func (d *disk) file(kind, name string, f func() (vfs.File, error)) (out vfs.File, err error) {
	err = d.do(operation{kind: kind, path: name}, func() (err error) {
		out, err = f()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: out, disk: d, path: name}, nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file("create", name, func() (vfs.File, error) { return d.FS.Create(name, category) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return d.file("create", name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, category, options...) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file("reuse", to, func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, category) })
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, path: name}, nil
}

// Link implements vfs.FS.
func (d *disk) Link(from, to string) error {
	return d.do(operation{kind: "link", path: to}, func() error { return d.FS.Link(from, to) })
}

// Remove implements vfs.FS.
func (d *disk) Remove(name string) error {
	return d.do(operation{kind: "remove", path: name}, func() error { return d.FS.Remove(name) })
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	return d.do(operation{kind: "remove", path: name}, func() error { return d.FS.RemoveAll(name) })
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	return d.do(operation{kind: "rename", path: to}, func() error { return d.FS.Rename(from, to) })
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// diskFile is a file that may be changed, or a directory that may be synced.
type diskFile struct {
	vfs.File
	disk *disk
	path string
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	write := func(p []byte) (int, error) {
		n, err = f.File.Write(p)
		return n, err
	}
	err = f.disk.do(operation{kind: "write", path: f.path, data: p, part: write}, func() error {
		_, err := write(p)
		return err
	})
	return n, err
}

func (f *diskFile) WriteAt(p []byte, at int64) (n int, err error) {
	write := func(p []byte) (int, error) {
		n, err = f.File.WriteAt(p, at)
		return n, err
	}
	err = f.disk.do(operation{kind: "write", path: f.path, data: p, part: write}, func() error {
		_, err := write(p)
		return err
	})
	return n, err
}

func (f *diskFile) Sync() error {
	return f.disk.do(operation{kind: "sync", path: f.path}, f.File.Sync)
}

func (f *diskFile) SyncData() error {
	return f.disk.do(operation{kind: "sync", path: f.path}, f.File.SyncData)
}

func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	err = f.disk.do(operation{kind: "sync", path: f.path}, func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"hash/crc32"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Names of the files on which Pebble stands: its write-ahead logs, its manifests, and the markers that say which is
// current.
const (
	logSuffix      = ".log"
	tableSuffix    = ".sst"
	manifestPrefix = "MANIFEST-"
)

// vitalFS catches what fails of the files on which Pebble stands, and of the directory: of a full disk, for one.
// Pebble would panic, of a log with a lock in a state that makes the runtime end the process without a word about the
// cause, or would try again a sync that has failed, which says nothing about what is on the disk even if it succeeds
// then. Instead, the operation never returns, and await says why. Failed writes of tables are left to Pebble, which
// writes others: what is in them is in the log.
type vitalFS struct {
	vfs.FS
	account *account
	// watching is set once the store is open; until then Pebble returns the error.
	watching atomic.Bool
	once     sync.Once
	failed   chan struct{} // closed when cause is set
	cause    error
}

func newVitalFS(fsys vfs.FS, a *account) *vitalFS {
	return &vitalFS{FS: fsys, account: a, failed: make(chan struct{})}
}

// await calls f and returns what it returns, or why it, or a task of Pebble that it may wait for, will not return.
func (v *vitalFS) await(f func() error) error {
	select {
	case <-v.failed:
		return v.cause
	default:
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-v.failed:
		return v.cause
	}
}

func (v *vitalFS) vital(name string) bool {
	base := v.PathBase(name)
	return strings.HasSuffix(base, logSuffix) || strings.HasPrefix(base, manifestPrefix) ||
		strings.HasPrefix(base, pebbleMarkerPrefix)
}

// Create implements vfs.FS.
func (v *vitalFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if base := v.PathBase(name); accounted(base) {
		if err := v.check(v.account.creating(base, "")); err != nil {
			return nil, err
		}
	}
	if isTable(name) {
		return v.createTable(name, category)
	}
	f, err := v.FS.Create(name, category)
	return v.opened(name, f, err)
}

func (v *vitalFS) createTable(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	base := v.PathBase(name)
	if err := v.check(v.account.creatingTable(base)); err != nil {
		return nil, err
	}
	f, err := v.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return &tableFile{File: f, account: v.account, name: base}, nil
}

// ReuseForWrite implements vfs.FS.
func (v *vitalFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if base := v.PathBase(newName); accounted(base) {
		if err := v.check(v.account.creating(base, v.PathBase(oldName))); err != nil {
			return nil, err
		}
	}
	f, err := v.FS.ReuseForWrite(oldName, newName, category)
	return v.opened(newName, f, err)
}

// Remove implements vfs.FS. A marker is removed after its successor has been synced.
func (v *vitalFS) Remove(name string) error {
	if base := v.PathBase(name); accounted(base) || isTable(base) {
		if err := v.check(v.account.removing(base)); err != nil {
			return err
		}
	}
	err := v.FS.Remove(name)
	if strings.HasPrefix(v.PathBase(name), pebbleMarkerPrefix) {
		return v.check(err)
	}
	return err
}

// OpenDir implements vfs.FS.
func (v *vitalFS) OpenDir(name string) (vfs.File, error) {
	f, err := v.FS.OpenDir(name)
	if v.check(err) != nil {
		return nil, err
	}
	return &vitalFile{File: f, fs: v}, nil
}

// Unwrap implements vfs.FS.
func (v *vitalFS) Unwrap() vfs.FS { return v.FS }

func (v *vitalFS) opened(name string, f vfs.File, err error) (vfs.File, error) {
	if !v.vital(name) {
		return f, err
	}
	if v.check(err) != nil {
		return nil, err
	}
	return &vitalFile{File: f, fs: v, name: v.PathBase(name)}, nil
}

// check does not return if err is not nil and the store is open.
func (v *vitalFS) check(err error) error {
	if err == nil || !v.watching.Load() {
		return err
	}
	v.once.Do(func() {
		v.cause = err
		close(v.failed)
	})
	select {}
}

// vitalFile is a file, or the directory, of a vitalFS.
type vitalFile struct {
	vfs.File
	fs *vitalFS
	// name is that of a file, "" of the directory; written is what of it is.
	name    string
	mu      sync.Mutex
	written extent
}

// sync syncs, and has what had been written when that began accounted for.
func (f *vitalFile) sync(sync func() error) error {
	f.mu.Lock()
	written := f.written
	f.mu.Unlock()
	err := sync()
	if err == nil && accounted(f.name) {
		err = f.fs.account.synced(f.name, written)
	}
	return f.fs.check(err)
}

// Write implements vfs.File. The file below may change p, so the checksum is taken first. A write that is cut short
// fails, and nothing is accounted for after that.
func (f *vitalFile) Write(p []byte) (int, error) {
	var sum uint32
	if !strings.HasSuffix(f.name, logSuffix) {
		f.mu.Lock()
		sum = crc32.Update(f.written.sum, castagnoli, p)
		f.mu.Unlock()
	}
	n, err := f.File.Write(p)
	f.mu.Lock()
	f.written.length += int64(n)
	f.written.sum = sum
	f.mu.Unlock()
	return n, f.fs.check(err)
}

// WriteAt implements vfs.File.
func (f *vitalFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.fs.check(err)
}

// Preallocate implements vfs.File.
func (f *vitalFile) Preallocate(at, length int64) error {
	return f.fs.check(f.File.Preallocate(at, length))
}

// Sync implements vfs.File.
func (f *vitalFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements vfs.File.
func (f *vitalFile) SyncData() error { return f.sync(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *vitalFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.fs.check(err)
}

// Close implements vfs.File.
func (f *vitalFile) Close() error { return f.fs.check(f.File.Close()) }

// tableFile is a table that is being written.
type tableFile struct {
	vfs.File
	account *account
	name    string

	length     int64
	head, tail []byte
}

// Write implements vfs.File. The file below may change p, so its ends are taken first. Pebble drops a table of which a
// write has failed.
func (f *tableFile) Write(p []byte) (int, error) {
	f.head = append(f.head, p[:min(len(p), tableEndBytes-len(f.head))]...)
	f.tail = append(f.tail, p[max(len(p)-tableEndBytes, 0):]...)
	f.tail = append(f.tail[:0], f.tail[max(len(f.tail)-tableEndBytes, 0):]...)
	n, err := f.File.Write(p)
	f.length += int64(n)
	return n, err
}

// Close implements vfs.File.
func (f *tableFile) Close() error {
	f.account.table(f.name, extent{f.length, endsSum(f.head, f.tail)})
	return f.File.Close()
}

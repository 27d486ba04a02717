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
// writes others, after a pause: what is in them is in the log. A flush that finds no room is as vital as the log. All
// that finds no room releases the reserve first, and waits for room if the store is to.
type vitalFS struct {
	vfs.FS
	account *account
	space   *space
	// watching is set once the store is open; until then Pebble returns the error.
	watching atomic.Bool
	once     sync.Once
	failed   chan struct{} // closed when cause is set
	cause    error
}

func newVitalFS(fsys vfs.FS, a *account, s *space) *vitalFS {
	return &vitalFS{FS: fsys, account: a, space: s, failed: make(chan struct{})}
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
func (v *vitalFS) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	if isTable(name) {
		return v.createTable(name, category)
	}
	base := v.PathBase(name)
	err = v.space.try(func() (err error) {
		if accounted(base) {
			if err := v.account.creating(base, ""); err != nil {
				return err
			}
		}
		f, err = v.FS.Create(name, category)
		return err
	})
	return v.opened(name, f, err)
}

// flushCategory is what Pebble calls tables of what is in memory. Others are compactions'.
const flushCategory = "pebble-memtable-flush"

func (v *vitalFS) createTable(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	t := &tableFile{fs: v, name: v.PathBase(name), flush: category == flushCategory}
	err := t.do(func() (err error) {
		if err := v.account.creatingTable(t.name); err != nil {
			return err
		}
		t.File, err = v.FS.Create(name, category)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// ReuseForWrite implements vfs.FS.
func (v *vitalFS) ReuseForWrite(oldName, newName string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	base := v.PathBase(newName)
	err = v.space.try(func() (err error) {
		if accounted(base) {
			if err := v.account.creating(base, v.PathBase(oldName)); err != nil {
				return err
			}
		}
		f, err = v.FS.ReuseForWrite(oldName, newName, category)
		return err
	})
	return v.opened(newName, f, err)
}

// Remove implements vfs.FS. A marker is removed after its successor has been synced.
func (v *vitalFS) Remove(name string) error {
	base := v.PathBase(name)
	if err := v.check(v.space.try(func() error { return v.account.removing(base) })); err != nil {
		return err
	}
	err := v.FS.Remove(name)
	if err == nil {
		v.account.removed(base)
	}
	if strings.HasPrefix(base, pebbleMarkerPrefix) {
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
	if err != nil && v.watching.Load() {
		v.fail(err)
	}
	return err
}

// fail has await return err, and does not return.
func (v *vitalFS) fail(err error) {
	v.condemn(err)
	select {}
}

// condemn has await return err.
func (v *vitalFS) condemn(err error) {
	v.once.Do(func() {
		v.cause = err
		close(v.failed)
	})
}

// stuck condemns a store that takes no writes until tables are compacted for which there is no room, unless it waits.
func (v *vitalFS) stuck() {
	switch {
	case !v.space.stuck():
	case v.space.wait:
		v.space.sayWaiting()
	default:
		v.condemn(v.space.fullError())
	}
}

// stall is told that Pebble takes no writes for a while, or takes them again. v may be nil.
func (v *vitalFS) stall(begins bool) {
	if v != nil {
		v.space.stalled.Store(begins)
		v.stuck()
	}
}

// interrupt ends waiting for room.
func (v *vitalFS) interrupt() {
	waiting := v.space.waits.Load() > 0 || v.space.stuck()
	v.space.interrupt()
	if waiting {
		v.condemn(v.space.fullError())
	}
}

// hasFailed reports whether some operation will never return.
func (v *vitalFS) hasFailed() bool {
	select {
	case <-v.failed:
		return true
	default:
		return false
	}
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
	err := sync() // one that fails is not tried again, as what is on the disk is not known then
	if isFull(err) {
		err = f.fs.space.fullError()
	}
	if err == nil && accounted(f.name) {
		err = f.fs.space.try(func() error { return f.fs.account.synced(f.name, written) })
	}
	return f.fs.check(err)
}

// Write implements vfs.File. The file below may change p once it has written it, so the checksum is taken first.
func (f *vitalFile) Write(p []byte) (int, error) {
	after := f.after(p)
	n := 0
	err := f.fs.space.try(func() error {
		part, err := f.File.Write(p[n:])
		n += part
		return err
	})
	if err == nil {
		f.mu.Lock()
		f.written = after
		f.mu.Unlock()
	}
	return n, f.fs.check(err)
}

// after is what of f is written once p is, too. A log has checksums of its own.
func (f *vitalFile) after(p []byte) extent {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := extent{length: f.written.length + int64(len(p))}
	if !strings.HasSuffix(f.name, logSuffix) {
		after.sum = crc32.Update(f.written.sum, castagnoli, p)
	}
	return after
}

// WriteAt implements vfs.File.
func (f *vitalFile) WriteAt(p []byte, at int64) (int, error) {
	n := 0
	err := f.fs.space.try(func() error {
		part, err := f.File.WriteAt(p[n:], at+int64(n))
		n += part
		return err
	})
	return n, f.fs.check(err)
}

// Preallocate implements vfs.File. It is for speed alone: where there is no room for it, it does nothing.
func (f *vitalFile) Preallocate(at, length int64) error {
	if f.fs.space.refuses.Load() {
		return nil
	}
	err := f.File.Preallocate(at, length)
	if isFull(err) {
		return nil
	}
	return f.fs.check(err)
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
	fs    *vitalFS
	name  string
	flush bool // of what is in memory, not of other tables

	length     int64
	head, tail []byte
}

// do does an operation, which f may have done a part of when it is called again. Errors of a flush do not return where
// Pebble would try again for ever: while it opens the store, and on a full disk. Others return after a pause.
func (t *tableFile) do(f func() error) error {
	err := error(nil)
	if t.flush {
		err = t.fs.space.try(f)
	} else {
		err = f()
	}
	if err == nil {
		return nil
	}
	if t.flush && (isFull(err) || !t.fs.watching.Load()) {
		t.fs.fail(err)
	}
	if isFull(err) {
		t.fs.space.release()
		t.fs.space.starved.Store(true)
		t.fs.stuck()
	}
	t.fs.space.tableFailed()
	return err
}

// Write implements vfs.File. The file below may change p once it has written it, so its ends are taken first. A table
// of which a write fails is not used.
func (t *tableFile) Write(p []byte) (n int, err error) {
	t.count(p)
	err = t.do(func() error {
		part, err := t.File.Write(p[n:])
		n += part
		return err
	})
	return n, err
}

func (t *tableFile) count(p []byte) {
	n := len(p)
	t.length += int64(n)
	t.head = append(t.head, p[:min(n, tableEndBytes-len(t.head))]...)
	t.tail = append(t.tail, p[max(n-tableEndBytes, 0):]...)
	t.tail = append(t.tail[:0], t.tail[max(len(t.tail)-tableEndBytes, 0):]...)
}

// Sync implements vfs.File. A table of which a sync fails is written again, under another name.
func (t *tableFile) Sync() error { return t.synced(t.File.Sync()) }

// SyncData implements vfs.File.
func (t *tableFile) SyncData() error { return t.synced(t.File.SyncData()) }

func (t *tableFile) synced(err error) error {
	switch {
	case err == nil:
		t.fs.space.tableWritten()
	case t.flush && !t.fs.watching.Load():
		t.fs.fail(err)
	default:
		t.fs.space.tableFailed()
	}
	return err
}

// Close implements vfs.File.
func (t *tableFile) Close() error {
	t.fs.account.table(t.name, extent{t.length, endsSum(t.head, t.tail)})
	return t.File.Close()
}

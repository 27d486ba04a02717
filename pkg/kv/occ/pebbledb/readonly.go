// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

var _ occ.Limited = (*DB)(nil)

// errReadOnly is what a write to a store that was opened for reading fails with.
var errReadOnly = errors.New("the store is open for reading alone")

// OpenReadOnly opens the store in dir to read it, and writes nothing: it does on a full disk, and on one that is
// mounted read-only, what it does on others. What is only in the log is read into memory. Errors are as Open's; if
// there is no store, they are fs.ErrNotExist.
func OpenReadOnly(dir string, opt Options) (*DB, error) {
	opt = opt.withDefaults()
	opt.FS = readOnlyFS{opt.FS}
	marks := marker{fs: opt.FS, dir: dir}
	complete, err := marks.complete()
	if err == nil && !complete {
		err = fmt.Errorf("no store: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, dirError(dir, err)
	}
	if dir, err = canonicalDir(opt.FS.Unwrap(), dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, opt.FS)
	var notOpened *fs.PathError
	if errors.As(err, &notOpened) {
		return nil, dirError(dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s is %w", dir, ErrLocked)
	}
	db, err := readComplete(dir, lock, opt)
	if err != nil {
		return nil, errors.Join(openError(dir, true, err), lock.Close())
	}
	return db, nil
}

// readComplete is openComplete without any change.
func readComplete(dir string, lock *pebble.Lock, opt Options) (*DB, error) {
	accounts := newAccount(opt.FS, dir)
	state, err := accounts.check()
	if err != nil {
		return nil, err
	}
	if err := (manifest{fs: opt.FS, dir: dir}).check(); err != nil {
		return nil, err
	}
	if err := checkLog(opt.FS, dir); err != nil {
		return nil, err
	}
	pebbleOptions := opt.pebble(opt.FS)
	pebbleOptions.Lock = lock
	pebbleOptions.ErrorIfNotExists, pebbleOptions.ReadOnly = true, true
	p, err := openPebble(dir, pebbleOptions)
	if err != nil {
		return nil, err
	}
	vital := newVitalFS(opt.FS, accounts, &space{})
	db, err := newDB(p, lock, vital, manifest{}, accounts)
	if err == nil && state == accountAbsent {
		err = checkUnaccounted(p, accounts)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	db.readOnly = true
	return db, nil
}

// checkUnaccounted returns kv.ErrCorrupt for a store that has had an account, and has none.
func checkUnaccounted(p *pebble.DB, a *account) error {
	_, closer, err := p.Get(accountKey)
	switch {
	case err == nil:
		return errors.Join(a.missing(accountName), closer.Close())
	case errors.Is(err, pebble.ErrNotFound):
		return nil
	}
	return readError(err)
}

func (db *DB) closeReadOnly(latest *view) error {
	if latest == nil {
		return nil
	}
	latest.release()
	db.released.Wait()
	return errors.Join(db.pebble.Close(), db.lock.Close())
}

// readOnlyFS is a file system on which nothing can be changed.
type readOnlyFS struct {
	vfs.FS
}

func readOnlyError(op, path string) error {
	return &fs.PathError{Op: op, Path: path, Err: syscall.EROFS}
}

// Create implements vfs.FS.
func (r readOnlyFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, readOnlyError("create", name)
}

// Link implements vfs.FS.
func (r readOnlyFS) Link(_, newname string) error { return readOnlyError("link", newname) }

// OpenReadWrite implements vfs.FS.
func (r readOnlyFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, readOnlyError("open", name)
}

// Remove implements vfs.FS.
func (r readOnlyFS) Remove(name string) error { return readOnlyError("remove", name) }

// RemoveAll implements vfs.FS.
func (r readOnlyFS) RemoveAll(name string) error { return readOnlyError("remove", name) }

// Rename implements vfs.FS.
func (r readOnlyFS) Rename(_, newname string) error { return readOnlyError("rename", newname) }

// ReuseForWrite implements vfs.FS.
func (r readOnlyFS) ReuseForWrite(_, newname string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, readOnlyError("reuse", newname)
}

// MkdirAll implements vfs.FS.
func (r readOnlyFS) MkdirAll(dir string, _ fs.FileMode) error { return readOnlyError("mkdir", dir) }

// Unwrap implements vfs.FS.
func (r readOnlyFS) Unwrap() vfs.FS { return r.FS }

// Lock implements vfs.FS. A disk that is mounted read-only needs no lock, nor does a store whose
// lock file no process has made.
func (r readOnlyFS) Lock(name string) (io.Closer, error) {
	if _, err := r.FS.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return unlocked{}, nil
	}
	lock, err := r.FS.Lock(name)
	if errors.Is(err, syscall.EROFS) {
		return unlocked{}, nil
	}
	return lock, err
}

type unlocked struct{}

func (unlocked) Close() error { return nil }

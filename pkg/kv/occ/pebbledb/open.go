// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Open opens the store in dir, which is created, with missing parents, if it does not exist.
// Errors name the directory; they may be ErrLocked, ErrForeign, ErrFull, kv.ErrCorrupt or the system's. It blocks while
// the log is written to tables: for seconds, and with Options.WaitForRoom for as long as the disk is filled up
// meanwhile. A disk that is full at the beginning is ErrFull, with or without. The reserve file is deleted if there is
// no room without that.
func Open(dir string, opt Options) (*DB, error) {
	opt = opt.withDefaults()
	lock, dir, err := lockDir(opt.FS, dir)
	if err != nil {
		return nil, err
	}
	db, err := openLocked(dir, lock, opt)
	if abandoned, ok := errors.AsType[*abandonedError](err); ok {
		return nil, abandoned.error // the directory stays locked until the process ends: tasks may still write to it
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return db, nil
}

// abandonedError is why opening was given up while Pebble was at it.
type abandonedError struct{ error }

func (e *abandonedError) Unwrap() error { return e.error }

// lockDir creates and locks the directory and returns its canonical name.
func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, string, error) {
	if err := makeDir(fsys, dir); err != nil {
		return nil, "", dirError(dir, err)
	}
	dir, err := canonicalDir(fsys, dir)
	if err != nil {
		return nil, "", err
	}
	lock, err := pebble.LockDirectory(dir, fsys)
	var notOpened *fs.PathError
	if errors.As(err, &notOpened) {
		return nil, "", dirError(dir, err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("data directory %s is %w", dir, ErrLocked)
	}
	return lock, dir, nil
}

// makeDir makes a directory, durably: what is synced in it is lost with it otherwise. Pebble does so for directories
// that it finds missing, but only once we have written to ours.
func makeDir(fsys vfs.FS, dir string) error {
	parents := []string{fsys.PathDir(dir)}
	for {
		nearest := parents[len(parents)-1]
		above := fsys.PathDir(nearest)
		if _, err := fsys.Stat(nearest); err == nil || above == nearest {
			break
		}
		parents = append(parents, above)
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := syncDir(fsys, parent); err != nil {
			return err
		}
	}
	return nil
}

// canonicalDir returns the one name by which a directory is locked.
func canonicalDir(fsys vfs.FS, dir string) (string, error) {
	if fsys == vfs.Default {
		// The lock is known to this process by its path: two names of one
		// directory would be two locks, and closing one would release the other.
		canonical, err := canonicalPath(dir)
		if err != nil {
			return "", dirError(dir, err)
		}
		dir = canonical
	}
	return dir, nil
}

func canonicalPath(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

func openLocked(dir string, lock *pebble.Lock, opt Options) (*DB, error) {
	m := marker{fs: opt.FS, dir: dir}
	complete, err := m.complete()
	if err != nil {
		return nil, dirError(dir, err)
	}
	room := newSpace(opt.FS, dir, opt)
	if err := room.checkOpen(); err != nil {
		return nil, openError(dir, false, err)
	}
	opt.MemTableBytes = room.memTableBytes(opt.MemTableBytes)
	if complete {
		err = m.settle()
	} else {
		err = m.create(lock, opt)
	}
	if err != nil {
		return nil, openError(dir, complete, err)
	}
	db, err := openComplete(dir, lock, opt, room)
	if err != nil {
		room.close()
		return nil, openError(dir, complete, err)
	}
	return db, nil
}

// create makes an empty store. What is acknowledged later is in files of its second life: Pebble opens the first log
// of a new store before it decides on the format, and so writes it in an older one.
func (m marker) create(lock *pebble.Lock, opt Options) error {
	if err := m.begin(); err != nil {
		return err
	}
	pebbleOptions := opt.pebble(orderedFS{opt.FS})
	pebbleOptions.Lock = lock
	p, err := openPebble(m.dir, pebbleOptions)
	if err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	return m.finish()
}

// openComplete opens a store that exists, if its files are what they were.
func openComplete(dir string, lock *pebble.Lock, opt Options, room *space) (db *DB, err error) {
	accounts := newAccount(opt.FS, dir)
	defer func() {
		if err != nil {
			err = errors.Join(err, accounts.close())
		}
	}()
	state, err := accounts.check()
	if err != nil {
		return nil, err
	}
	sealed := manifest{fs: opt.FS, dir: dir}
	if err := sealed.unseal(); err != nil {
		return nil, err
	}
	if err := checkLog(opt.FS, dir); err != nil {
		return nil, err
	}
	if state == accountKept {
		err = accounts.activate()
	} else {
		err = accounts.learnTables()
	}
	if err != nil {
		return nil, err
	}
	vital := newVitalFS(orderedFS{opt.FS}, accounts, room)
	pebbleOptions := opt.pebble(vital)
	pebbleOptions.Lock = lock
	pebbleOptions.ErrorIfNotExists = true
	opened := make(chan *DB, 1)
	err = vital.await(func() error {
		p, err := openPebble(dir, pebbleOptions)
		if err != nil {
			return err
		}
		db, err := withAccount(p, lock, vital, sealed, accounts, state)
		if err != nil {
			return errors.Join(err, p.Close())
		}
		opened <- db
		return nil
	})
	switch {
	case vital.hasFailed(): // in a task of Pebble's, if it has opened
		return nil, &abandonedError{vital.cause}
	case err != nil:
		return nil, err
	}
	room.watch()
	return <-opened, nil
}

func withAccount(p *pebble.DB, lock *pebble.Lock, vital *vitalFS, m manifest, a *account, state accountState) (
	*DB, error) {
	if err := keepAccount(p, a, state); err != nil {
		return nil, err
	}
	return newDB(p, lock, vital, m, a)
}

// keepAccount begins an account of a store that has had none. One that has had it, and has lost it, may have lost more.
func keepAccount(p *pebble.DB, a *account, state accountState) error {
	if state == accountKept {
		return nil
	}
	_, closer, err := p.Get(accountKey)
	switch {
	case err == nil && state == accountAbsent:
		return errors.Join(a.missing(accountName), closer.Close())
	case err == nil:
		return errors.Join(closer.Close(), a.activate())
	case !errors.Is(err, pebble.ErrNotFound):
		return readError(err)
	}
	if err := a.activate(); err != nil {
		return err
	}
	return p.Set(accountKey, []byte{1}, pebble.Sync)
}

func openPebble(dir string, opt *pebble.Options) (p *pebble.DB, err error) {
	defer recoverFatal(&err)
	return pebble.Open(dir, opt)
}

func newDB(p *pebble.DB, lock *pebble.Lock, vital *vitalFS, m manifest, a *account) (*DB, error) {
	db := &DB{pebble: p, lock: lock, vital: vital, manifest: m, account: a, space: vital.space}
	value, closer, err := p.Get(versionKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, readError(err)
	default:
		if len(value) != 8 {
			return nil, errors.Join(kv.ErrCorrupt.With(fmt.Errorf("version of %d bytes", len(value))), closer.Close())
		}
		db.version = kv.Version(binary.BigEndian.Uint64(value))
		if err := closer.Close(); err != nil {
			return nil, err
		}
	}
	vital.watching.Store(true)
	db.latest = &view{db: db, pebble: p.NewSnapshot(), refs: 1}
	return db, nil
}

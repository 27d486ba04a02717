// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// Keys of the store are userPrefix and the key itself, so that all of them,
// the empty one too, lie apart from the engine's own.
const userPrefix = 'u'

// accountKey says that the store keeps an account of its files.
var accountKey = []byte("m/account")

// versionKey holds the version of the last batch, 8 bytes big-endian.
var versionKey = []byte("m/version")

var _ occ.Engine = (*DB)(nil)

// DB is an engine on a directory. See the package comment.
type DB struct {
	pebble   *pebble.DB
	lock     *pebble.Lock
	vital    *vitalFS
	manifest manifest
	account  *account
	space    *space
	readOnly bool
	// released has the snapshots that have no holder left, until they are closed.
	released sync.WaitGroup

	mu sync.Mutex
	// latest is the state after the last durable batch; nil once closed. Snapshots share it.
	latest  *view
	version kv.Version
	failed  error
}

// Apply implements occ.Engine.
func (db *DB) Apply(v kv.Version, batch []ryw.Mutation) error {
	db.mu.Lock()
	last, failed := db.version, db.failed
	db.mu.Unlock()
	if failed != nil {
		return failed
	}
	if v <= last {
		panic(fmt.Sprintf("pebbledb: batch of version %d after version %d", v, last))
	}
	if db.readOnly {
		if len(batch) > 0 {
			return db.fail(errReadOnly)
		}
	} else if err := db.vital.await(func() error { return db.write(v, batch) }); err != nil {
		return db.fail(err)
	}
	db.publish(v)
	return nil
}

// write returns when the batch is durable. Others may see it in Pebble before that, so nobody looks.
func (db *DB) write(v kv.Version, batch []ryw.Mutation) (err error) {
	defer recoverFatal(&err)
	b := db.pebble.NewBatch()
	for _, m := range batch {
		if err := addMutation(b, m); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	if err := b.Set(versionKey, binary.BigEndian.AppendUint64(nil, uint64(v)), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	return errors.Join(b.Commit(pebble.Sync), b.Close())
}

func addMutation(b *pebble.Batch, m ryw.Mutation) error {
	switch m.Kind {
	case ryw.MutationSet:
		return b.Set(userKey(m.Key), m.Value, nil)
	case ryw.MutationClearRange:
		if isSuccessor(m.Key, m.Value) {
			// A range tombstone costs every later scan more than a point's.
			return b.Delete(userKey(m.Key), nil)
		}
		return b.DeleteRange(userKey(m.Key), userKey(m.Value), nil)
	}
	panic(fmt.Sprintf("pebbledb: mutation of kind %d in a batch", m.Kind))
}

// fail ends the engine, which keeps the first error.
func (db *DB) fail(err error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failed == nil {
		db.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return db.failed
}

// publish shows the batch of version v to later snapshots.
func (db *DB) publish(v kv.Version) {
	next := &view{db: db, pebble: db.pebble.NewSnapshot(), refs: 1}
	db.mu.Lock()
	previous := db.latest
	db.latest, db.version = next, v
	db.mu.Unlock()
	previous.release()
}

// Snapshot implements occ.Engine.
func (db *DB) Snapshot() occ.Snapshot {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.latest.refs++
	return &snapshot{view: db.latest}
}

// Version implements occ.Engine.
func (db *DB) Version() kv.Version {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.version
}

// Admit implements occ.Limited: on a disk that is almost full most writes are refused.
func (db *DB) Admit(w occ.Write) error {
	if db.readOnly {
		return errReadOnly
	}
	return db.space.admit(w)
}

// Interrupt implements occ.Limited: what waits for room on the disk fails.
func (db *DB) Interrupt() {
	if !db.readOnly {
		db.vital.interrupt()
	}
}

// Close implements occ.Engine. It writes what is only in the log to a table, for up to some ten MB, if the disk has
// room for that. After a failed write it leaves the directory locked until the process ends, because Pebble's tasks may
// still be writing.
func (db *DB) Close() error {
	db.mu.Lock()
	latest, failed := db.latest, db.failed
	db.latest = nil
	db.mu.Unlock()
	if db.readOnly {
		return db.closeReadOnly(latest)
	}
	defer db.space.close()
	if latest == nil || failed != nil {
		return nil
	}
	room := db.space.checkOpen() == nil // for the tables, which closing writes instead of the next opening
	// The end of a log that is damaged can't be told from one that was cut short; a table's can.
	closePebble := func() error {
		flushed := error(nil)
		if room {
			flushed = db.pebble.Flush()
		}
		latest.release()
		db.released.Wait()
		return errors.Join(flushed, db.pebble.Close())
	}
	if err := db.vital.await(closePebble); err != nil {
		return db.fail(err)
	}
	sealed := db.manifest.seal()
	if isFull(sealed) {
		sealed = nil // the next opening then checks less
	}
	return errors.Join(db.account.close(), sealed, db.lock.Close())
}

func userKey(key []byte) []byte {
	return append(append(make([]byte, 0, 1+len(key)), userPrefix), key...)
}

func isSuccessor(key, next []byte) bool {
	return len(next) == len(key)+1 && next[len(key)] == 0 && bytes.HasPrefix(next, key)
}

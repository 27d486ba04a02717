// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Commit implements kv.Tx.
func (t *tx) Commit(ctx context.Context) error {
	watches, err := t.use()
	if err == nil {
		err = t.commit(ctx)
	}
	for _, w := range watches {
		if err != nil {
			w.end(kv.ErrCancelled)
		} else {
			w.arm()
		}
	}
	return err
}

// use begins the commit, if there may be one, and takes over the watches: also of a poisoned transaction, whose
// tasks would otherwise wait forever for its watches.
func (t *tx) use() ([]*watch, error) {
	err := t.usable()
	t.mu.Lock()
	defer t.mu.Unlock()
	watches := t.watches
	t.watches = nil
	switch {
	case err != nil:
	case t.state == stateCancelled: // meanwhile
		err = kv.ErrCancelled
	default:
		t.state = stateUsed
	}
	return watches, err
}

func (t *tx) commit(ctx context.Context) error {
	switch {
	case t.readErr != nil:
		return t.readErr
	case ctx.Err() != nil:
		return kv.ErrCommitUnknown.With(context.Cause(ctx))
	case t.store.closed():
		return kv.ErrCommitUnknown.With(errClosed)
	}
	if t.stamped {
		// which can be asked for before the commit only, and costs about as much as that
		t.stamp = t.fdb.GetVersionstamp()
	}
	done := t.fdb.Commit()
	if err := t.store.await(ctx, done); err != nil {
		return kv.ErrCommitUnknown.With(err)
	}
	if err := done.Get(); err != nil {
		return commitError(err)
	}
	version, err := t.fdb.GetCommittedVersion()
	if err != nil {
		return commitError(err)
	}
	t.committed = kv.Version(max(version, 0)) // -1 if there was nothing to write
	return nil
}

// CommittedVersion implements kv.Tx.
func (t *tx) CommittedVersion() kv.Version { return t.committed }

// Versionstamp implements kv.Tx, for transactions with versionstamped operations. The client knows the stamp before
// the commit ends, so this does not wait.
func (t *tx) Versionstamp() ([]byte, error) {
	if t.committed == 0 || t.stamp == nil {
		return nil, kv.ErrNoVersion
	}
	stamp, err := t.stamp.Get()
	if err != nil {
		return nil, readError(err)
	}
	return append([]byte{}, stamp...), nil // the future keeps its own
}

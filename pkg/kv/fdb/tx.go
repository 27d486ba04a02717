// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"fmt"
	"sync"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// tx is a transaction; reader makes it a kv.Tx.
type tx struct {
	store    *store
	priority kv.Priority

	// These are used by one task at a time.
	versioned bool  // the read version is set, or being fetched
	stamped   bool  // there is a versionstamped operation
	poison    error // of a write or the beginning: every later call fails with it
	readErr   error // the first of a read: the commit fails with it
	committed kv.Version
	stamp     fdb.FutureKey // nil unless committed

	// These are used by Cancel, too.
	mu      sync.Mutex
	fdb     fdb.Transaction // replaced by Reset only; none if poisoned from the beginning
	state   state
	watches []*watch // not armed yet
}

// state is how far a transaction is. FoundationDB is not asked: an error of its own that says "cancelled" can't tell
// whether that was before the commit.
type state uint8

const (
	stateOpen state = iota
	stateUsed       // committed, or tried to
	stateCancelled
)

func (t *tx) space() keySpace { return t.store.space }

// usable returns nil, or why the transaction can't be used any more.
func (t *tx) usable() error {
	if t.poison != nil {
		return t.poison
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.state {
	case stateUsed:
		return kv.ErrUsed
	case stateCancelled:
		return kv.ErrCancelled
	}
	return nil
}

// SetReadVersion implements kv.Tx.
func (t *tx) SetReadVersion(v kv.Version) {
	if t.usable() != nil {
		return
	}
	switch {
	case v <= 0:
		t.poison = kv.ErrInvalidOperation.With(fmt.Errorf("read version %d", v))
	case t.versioned:
		t.poison = kv.ErrInvalidOperation.With(fmt.Errorf("read version set to %d when there is one already", v))
	default:
		t.versioned = true
		t.fdb.SetReadVersion(int64(v))
	}
}

// ReadVersion implements kv.Tx.
func (t *tx) ReadVersion(ctx context.Context) (kv.Version, error) {
	var version int64
	err := t.read(ctx, func() error {
		future := t.fdb.GetReadVersion()
		err := t.store.await(ctx, future)
		if err == nil {
			version, err = future.Get()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return kv.Version(version), nil
}

// Reset implements kv.Tx. FoundationDB's transaction is replaced, so that what is left of its use can't reach the next.
func (t *tx) Reset() {
	t.Cancel()
	next, err := t.store.create(t.priority)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fdb, t.poison, t.state = next, err, stateOpen
	t.versioned, t.stamped, t.readErr = false, false, nil
	t.committed, t.stamp = 0, nil
}

// Cancel implements kv.Tx.
func (t *tx) Cancel() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != stateOpen {
		return
	}
	t.state = stateCancelled
	for _, w := range t.watches {
		w.end(kv.ErrCancelled)
	}
	t.watches = nil
	if t.fdb != (fdb.Transaction{}) {
		t.fdb.Cancel()
	}
}

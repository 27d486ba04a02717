// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"context"
	"fmt"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// New returns a transaction on b, which begins with its first use.
func New(b Backend, opt kv.TxOptions) kv.Tx {
	t := &tx{backend: b, priority: opt.Priority, reserved: opt.Reserved}
	return reader{tx: t}
}

// tx is a transaction; reader makes it a kv.Tx.
type tx struct {
	backend  Backend
	priority kv.Priority
	reserved bool

	// These are used by one task at a time.
	readVersion   kv.Version // 0 until known
	writes        writes
	readConflicts rangeSet
	poison        error // of a write: every later call fails with it
	readErr       error // the first of a read: the commit fails with it
	committed     Committed

	// These are used by Cancel, too.
	mu      sync.Mutex
	state   state
	watches []*watch // not armed yet
}

// state is how far a transaction is.
type state uint8

const (
	stateOpen state = iota
	stateUsed       // committed, or tried to
	stateCancelled
)

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

// Snapshot implements kv.Tx.
func (r reader) Snapshot() kv.Reader { return reader{tx: r.tx, snapshot: true} }

// SetReadVersion implements kv.Tx.
func (t *tx) SetReadVersion(v kv.Version) {
	if t.writable() != nil {
		return
	}
	switch {
	case v <= 0:
		t.poison = kv.ErrInvalidOperation.With(fmt.Errorf("read version %d", v))
	case t.readVersion != 0:
		t.poison = kv.ErrInvalidOperation.With(
			fmt.Errorf("read version set to %d, which is %d already", v, t.readVersion))
	default:
		t.readVersion = v
	}
}

// ReadVersion implements kv.Tx.
func (t *tx) ReadVersion(ctx context.Context) (kv.Version, error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	if err := t.begin(ctx); err != nil {
		return 0, err
	}
	return t.readVersion, t.usable()
}

// begin fetches the read version if it is not known.
func (t *tx) begin(ctx context.Context) error {
	if t.readVersion != 0 {
		return nil
	}
	v, err := t.backend.ReadVersion(ctx, t.priority)
	if err != nil {
		return err
	}
	t.readVersion = v
	return nil
}

// readKeys reads the store.
func (t *tx) readKeys(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if b, ok := t.backend.(Beginner); ok && t.readVersion == 0 {
		v, values, err := b.BeginGetAll(ctx, t.priority, keys)
		t.readVersion = v
		return values, err
	}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.backend.GetAll(ctx, t.readVersion, keys)
}

// readRange reads the store.
func (t *tx) readRange(ctx context.Context, r keyRange, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	if b, ok := t.backend.(Beginner); ok && t.readVersion == 0 {
		v, pairs, more, err := b.BeginRange(ctx, t.priority, []byte(r.begin), []byte(r.end), opt)
		t.readVersion = v
		return pairs, more, err
	}
	if err := t.begin(ctx); err != nil {
		return nil, false, err
	}
	return t.backend.Range(ctx, t.readVersion, []byte(r.begin), []byte(r.end), opt)
}

// Reset implements kv.Tx.
func (t *tx) Reset() {
	t.enter(stateOpen)
	t.readVersion, t.committed = 0, Committed{}
	t.writes, t.readConflicts = writes{}, rangeSet{}
	t.poison, t.readErr = nil, nil
}

// Cancel implements kv.Tx.
func (t *tx) Cancel() { t.enter(stateCancelled) }

// enter changes the state and ends the watches, except that a transaction once used is not cancelled.
func (t *tx) enter(next state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if next == stateCancelled && t.state == stateUsed {
		return
	}
	t.state = next
	for _, w := range t.watches {
		w.end(kv.ErrCancelled)
	}
	t.watches = nil
}

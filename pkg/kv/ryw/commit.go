// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"context"
	"errors"

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
			w.arm(max(t.committed.Version, t.readVersion))
		}
	}
	return err
}

// use begins the commit, if there may be one, and takes over the watches: also of a poisoned transaction, whose
// tasks would wait forever for its watches.
func (t *tx) use() ([]*watch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	watches := t.watches
	switch {
	case t.poison != nil:
		t.watches = nil
		return watches, t.poison
	case t.state == stateUsed:
		return nil, kv.ErrUsed
	case t.state == stateCancelled:
		return nil, kv.ErrCancelled
	}
	t.state, t.watches = stateUsed, nil
	return watches, nil
}

func (t *tx) commit(ctx context.Context) error {
	if t.readErr != nil {
		return t.readErr
	}
	if t.writes.empty() {
		return nil
	}
	c := &Commit{
		Priority:       t.priority,
		Reserved:       t.reserved,
		ReadConflicts:  t.readConflicts.all(),
		WriteConflicts: t.writes.conflicts.all(),
		Mutations:      t.writes.mutations(),
	}
	if c.size() > kv.TxBytesMax {
		return kv.ErrTxTooLarge
	}
	if len(c.ReadConflicts) > 0 {
		if err := t.begin(ctx); err != nil {
			return commitError(err)
		}
	}
	c.ReadVersion = t.readVersion
	done, err := t.backend.Commit(ctx, c)
	if err != nil {
		return commitError(err)
	}
	t.committed = done
	return nil
}

// commitError makes every error that does not prove that nothing was committed ErrCommitUnknown.
func commitError(err error) error {
	if kv.NeverCommitted(err) || errors.Is(err, kv.ErrCommitUnknown) {
		return err
	}
	return kv.ErrCommitUnknown.With(err)
}

// The bytes that FoundationDB 7.3 counts for a mutation and for a conflict range
// beyond their keys and values: the sizes of its structures.
const (
	mutationBytes = 44
	rangeBytes    = 24
)

// size returns the approximate size of the transaction, as FoundationDB counts it.
func (c *Commit) size() int {
	n := 0
	for _, m := range c.Mutations {
		n += mutationBytes + len(m.Key) + len(m.Value)
	}
	for _, r := range c.ReadConflicts {
		n += rangeBytes + len(r.Begin) + len(r.End)
	}
	for _, r := range c.WriteConflicts {
		n += rangeBytes + len(r.Begin) + len(r.End)
	}
	return n
}

// CommittedVersion implements kv.Tx.
func (t *tx) CommittedVersion() kv.Version { return t.committed.Version }

// Versionstamp implements kv.Tx.
func (t *tx) Versionstamp() ([]byte, error) {
	if t.committed.Version == 0 {
		return nil, kv.ErrNoVersion
	}
	stamp := t.committed.Stamp()
	return stamp[:], nil
}

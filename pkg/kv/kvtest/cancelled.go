// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// calls is every call that takes a context.
func calls() map[string]func(ctx context.Context, tx kv.Tx) error {
	key := []byte("k")
	return map[string]func(ctx context.Context, tx kv.Tx) error{
		"read version": func(ctx context.Context, tx kv.Tx) error { _, err := tx.ReadVersion(ctx); return err },
		"get":          func(ctx context.Context, tx kv.Tx) error { _, err := tx.Get(ctx, key); return err },
		"get all": func(ctx context.Context, tx kv.Tx) error {
			_, err := tx.GetAll(ctx, key, []byte("l"))
			return err
		},
		"get key": func(ctx context.Context, tx kv.Tx) error {
			_, err := tx.GetKey(ctx, kv.LastLessThan([]byte("z")))
			return err
		},
		"range": func(ctx context.Context, tx kv.Tx) error {
			_, _, err := tx.Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
			return err
		},
		"snapshot get": func(ctx context.Context, tx kv.Tx) error { _, err := tx.Snapshot().Get(ctx, key); return err },
		"snapshot range": func(ctx context.Context, tx kv.Tx) error {
			_, _, err := tx.Snapshot().Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
			return err
		},
		"watch": func(ctx context.Context, tx kv.Tx) error {
			watch, err := tx.Watch(ctx, key)
			if err == nil {
				watch.Cancel()
			}
			return err
		},
	}
}

// testCancelled shows that every call returns when its context ends, before it or in its midst, that the error is the
// context's, and that a transaction which another task cancels says so in every call from then on.
func testCancelled(w *world) {
	w.put("k", "1")
	ended, cancel := env.WithCancel(w.ctx)
	cancel()
	for name, call := range calls() {
		tx := w.begin()
		if err := call(ended, tx); err != nil && !errors.Is(err, context.Canceled) {
			w.Errorf("%s with a context that has ended: %v", name, err)
		}
		w.want(name+" again", call(w.ctx, tx), nil)

		tx.Cancel()
		w.want(name+" of a cancelled transaction", call(w.ctx, tx), kv.ErrCancelled)
		tx.Reset()
		w.want(name+" of a transaction that was reset", call(w.ctx, tx), nil)
		w.commit(tx)
		w.want(name+" of a committed transaction", call(w.ctx, tx), kv.ErrUsed)
	}
	w.cancelInMidst()
}

// cancelInMidst cancels transactions from another task while they are used.
func (w *world) cancelInMidst() {
	for round := range 20 {
		key := fmt.Appendf(nil, "midst/%d", round)
		tx := w.begin()
		tx.Set(key, []byte("written"))
		var committed error
		w.together(2, func(i int) {
			if i == 0 {
				if err := env.Sleep(w.env, w.ctx, time.Duration(round%5)*50*time.Microsecond); err != nil {
					w.Error(err)
				}
				tx.Cancel()
				return
			}
			for range 3 {
				if _, err := tx.Get(w.ctx, []byte("k")); err != nil {
					w.want("read of a transaction that is cancelled meanwhile", err, kv.ErrCancelled)
				}
			}
			committed = tx.Commit(w.ctx)
		})
		got := w.get(w.begin(), string(key))
		switch {
		case committed == nil && got == nil:
			w.Errorf("round %d: a commit that succeeded left nothing", round)
		case errors.Is(committed, kv.ErrCancelled) && got != nil:
			w.Errorf("round %d: a commit that was cancelled left %q", round, got)
		case committed != nil && !errors.Is(committed, kv.ErrCancelled) && !errors.Is(committed, kv.ErrCommitUnknown):
			w.Errorf("round %d: commit of a transaction that is cancelled meanwhile: %v", round, committed)
		}
	}
}

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

// testContexts shows that a call whose context has ended returns, that its error says so, and that the transaction
// and the store go on.
func testContexts(w *world) {
	w.put("k", "1")
	ended, cancel := env.WithCancel(w.ctx)
	cancel()
	calls := map[string]func(tx kv.Tx) error{
		"read version": func(tx kv.Tx) error { _, err := tx.ReadVersion(ended); return err },
		"get":          func(tx kv.Tx) error { _, err := tx.Get(ended, []byte("k")); return err },
		"range": func(tx kv.Tx) error {
			_, _, err := tx.Range(ended, []byte("a"), []byte("z"), kv.RangeOptions{})
			return err
		},
		"get key": func(tx kv.Tx) error { _, err := tx.GetKey(ended, kv.LastLessThan([]byte("z"))); return err },
	}
	for name, call := range calls {
		tx := w.begin()
		if err := call(tx); err != nil && !errors.Is(err, context.Canceled) {
			w.Errorf("%s with a context that has ended: %v", name, err)
		}
		w.wantValue(tx, "k", "1")
		tx.Set([]byte("go on"), []byte(name))
		w.want("commit after it", tx.Commit(w.ctx), nil)
	}

	// Contexts that end at any moment leave the store in order: what was acknowledged is there. (What was not may
	// come later, over newer writes: every write has a key of its own.)
	w.together(8, func(i int) {
		rnd := env.NewRand(uint64(i), 0x637478)
		for n := range 30 {
			key := fmt.Appendf(nil, "task%d/%d", i, n)
			ctx, cancel := env.WithTimeout(w.env, w.ctx, time.Duration(rnd.IntN(2000))*time.Microsecond)
			tx := w.begin()
			tx.Set(key, []byte("written"))
			err := tx.Commit(ctx)
			cancel()
			if err != nil {
				w.want("commit with a deadline", err, kv.ErrCommitUnknown)
				continue
			}
			if got, err := w.begin().Get(w.ctx, key); err != nil || string(got) != "written" {
				w.Errorf("after an acknowledged write: %q, %v", got, err)
			}
		}
	})
}

// testTransact shows that Transact tries again what cannot have committed, and nothing else.
func testTransact(w *world) {
	w.together(8, func(i int) {
		for range 10 {
			_, err := kv.Transact(w.ctx, w.env, w.store, kv.TxOptions{},
				func(ctx context.Context, tx kv.Tx) (int, error) {
					value, err := tx.Get(ctx, []byte("n"))
					if err != nil {
						return 0, err
					}
					tx.Set([]byte("n"), append(value, 'x'))
					return len(value), nil
				})
			if err != nil {
				w.Error(err)
			}
		}
	})
	if n := len(w.get(w.begin(), "n")); n != 80 {
		w.Errorf("80 transactions appended %d bytes", n)
	}

	attempts, mine := 0, errors.New("mine")
	_, err := kv.Transact(w.ctx, w.env, w.store, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (int, error) {
		attempts++
		tx.Set([]byte("mine"), nil)
		return 0, mine
	})
	if !errors.Is(err, mine) || attempts != 1 || w.get(w.begin(), "mine") != nil {
		w.Errorf("a function that failed ran %d times and gave %v", attempts, err)
	}
}

// testClose shows what transactions answer once the store is closed.
func testClose(w *world) {
	w.put("k", "1")
	read, written := w.beginNow(), w.begin()
	written.Set([]byte("k"), []byte("2"))
	w.close()
	_, err := read.Get(w.ctx, []byte("k"))
	w.want("read", err, kv.ErrUnavailable)
	_, err = w.begin().ReadVersion(w.ctx)
	w.want("read version", err, kv.ErrUnavailable)
	w.want("commit", written.Commit(w.ctx), kv.ErrCommitUnknown)
}

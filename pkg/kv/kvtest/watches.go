// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// quietTime is how long a watch is looked at that must not fire.
const quietTime = 30 * time.Millisecond

// watch returns a watch of key, armed by a transaction of its own.
func (w *world) watch(key string) kv.Watch {
	w.Helper()
	tx := w.begin()
	watch, err := tx.Watch(w.ctx, []byte(key))
	w.must(err)
	w.commit(tx)
	return watch
}

// wantQuiet checks that a watch has not fired.
func (w *world) wantQuiet(what string, watch kv.Watch) {
	w.Helper()
	ctx, cancel := env.WithTimeout(w.env, w.ctx, quietTime)
	defer cancel()
	w.want(what, watch.Wait(ctx), context.DeadlineExceeded)
}

// testWatches shows when watches fire.
func testWatches(w *world) {
	w.put("k", "1")
	watch := w.watch("none")
	w.wantQuiet("a key without a value", watch)
	w.put("none", "")
	w.want("an empty value where there was none", watch.Wait(w.ctx), nil)

	watch = w.watch("k")
	clearing := w.begin()
	clearing.ClearRange([]byte("a"), []byte("z"))
	w.commit(clearing)
	w.want("cleared", watch.Wait(w.ctx), nil)

	// A watch looks from its transaction's point of view: after its own writes, at its read version.
	own := w.begin()
	own.Set([]byte("k"), []byte("own"))
	watch, err := own.Watch(w.ctx, []byte("k"))
	w.must(err)
	w.commit(own)
	w.wantQuiet("the transaction's own write", watch)
	w.put("k", "after")
	w.want("a write after the transaction's own", watch.Wait(w.ctx), nil)

	before := w.begin()
	watch, err = before.Watch(w.ctx, []byte("k"))
	w.must(err)
	before.Set([]byte("k"), []byte("written after it was watched"))
	w.commit(before)
	w.want("the transaction's own write after the watch", watch.Wait(w.ctx), nil)

	early := w.beginNow()
	watch, err = early.Watch(w.ctx, []byte("k"))
	w.must(err)
	w.put("k", "between")
	w.want("commit of nothing", early.Commit(w.ctx), nil)
	w.want("a write before the watch was armed", watch.Wait(w.ctx), nil)

	watches := make([]kv.Watch, 20)
	for i := range watches {
		watches[i] = w.watch("k")
	}
	w.together(len(watches)+1, func(i int) {
		if i == len(watches) {
			tx := w.begin()
			tx.Set([]byte("k"), []byte("all"))
			w.want("commit", tx.Commit(w.ctx), nil)
			return
		}
		w.want("one of many", watches[i].Wait(w.ctx), nil)
	})
}

// testWatchEnds shows how watches end that do not fire.
func testWatchEnds(w *world) {
	for name, end := range map[string]func(tx kv.Tx){
		"reset": func(tx kv.Tx) { tx.Reset() },
		"conflict": func(tx kv.Tx) {
			w.get(tx, "r")
			w.put("r", "written")
			tx.Set([]byte("other"), nil)
			w.want("commit", tx.Commit(w.ctx), kv.ErrConflict)
		},
	} {
		tx := w.begin()
		watch, err := tx.Watch(w.ctx, []byte("k"))
		w.must(err)
		end(tx)
		w.want("watch of a transaction that was "+name, watch.Wait(w.ctx), kv.ErrCancelled)
	}

	watch := w.watch("k")
	cancelled, cancel := env.WithCancel(w.ctx)
	cancel()
	w.want("wait with a context that has ended", watch.Wait(cancelled), context.Canceled)
	w.put("k", "1")
	w.want("wait again", watch.Wait(w.ctx), nil)

	watch = w.watch("k")
	watch.Cancel()
	w.want("watch given up", watch.Wait(w.ctx), kv.ErrCancelled)
	watch.Cancel()

	watch = w.watch("k")
	w.together(2, func(i int) {
		if i == 0 {
			if err := watch.Wait(w.ctx); !errors.Is(err, kv.ErrUnavailable) {
				w.Errorf("watch when the store closes: %v, want ErrUnavailable", err)
			}
			return
		}
		w.close()
	})
}

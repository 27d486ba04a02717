// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"fmt"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// testStampOrder shows that the order of versionstamps is the order of commits: what begins to commit after another
// was acknowledged has the greater stamp, whichever tasks they are of, and nobody who reads sees a stamp come between
// those already seen.
func testStampOrder(w *world) {
	var mu sync.Mutex
	greatest := "" // of the commits that were acknowledged
	w.together(workloadTasks+1, func(i int) {
		if i == workloadTasks {
			w.followLog()
			return
		}
		for n := range workloadTurns {
			mu.Lock()
			before := greatest
			mu.Unlock()
			tx := w.begin()
			tx.Atomic(kv.AtomicSetVersionstampedKey, withStamp("order/", fmt.Sprintf("/%d", i)), nil)
			err := tx.Commit(w.ctx)
			if err != nil {
				w.Errorf("task %d: %v", i, err)
				return
			}
			stamp, err := tx.Versionstamp()
			if err != nil || string(stamp) <= before {
				w.Errorf("task %d: commit %d has the stamp %x, %v, after %x", i, n, stamp, err, before)
			}
			mu.Lock()
			greatest = max(greatest, string(stamp))
			mu.Unlock()
		}
	})
	if found := w.scan(w.begin(), "order/", "order0"); len(found) != workloadTasks*workloadTurns {
		w.Errorf("%d stamped keys, want %d", len(found), workloadTasks*workloadTurns)
	}
}

// followLog reads the stamped keys over and over: each time it must find what it has found before, and more at the end.
func (w *world) followLog() {
	seen := ""
	for range workloadTurns {
		found, _, err := w.begin().Range(w.ctx, []byte("order/"), []byte("order0"), kv.RangeOptions{})
		if now := keys(found); err != nil || len(now) < len(seen) || now[:len(seen)] != seen {
			w.Errorf("the log was %q and is %q, %v", seen, now, err)
		} else {
			seen = now
		}
	}
}

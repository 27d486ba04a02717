// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// crowd is how many transactions are at one key at the same time.
const crowd = 1000

// testCrowd shows that a thousand concurrent transactions on one key are each decided: of those that read it at one
// version exactly one commits, the number stored is that of the commits, and blind additions all commit.
func testCrowd(w *world) {
	first := w.put("crowd", "")
	var committed, conflicts atomic.Int64
	w.together(crowd, func(int) {
		tx := w.begin()
		tx.SetReadVersion(first)
		value, err := tx.Get(w.ctx, []byte("crowd"))
		tx.Set([]byte("crowd"), binary.BigEndian.AppendUint64(nil, counter(value)+1))
		if err == nil {
			err = tx.Commit(w.ctx)
		}
		w.count(err, &committed, &conflicts)
	})
	if committed.Load() != 1 || conflicts.Load() != crowd-1 {
		w.Errorf("of %d transactions at one version %d have committed, %d conflicted", crowd, committed.Load(),
			conflicts.Load())
	}

	w.together(crowd, func(int) {
		tx := w.begin()
		value, err := tx.Get(w.ctx, []byte("crowd"))
		tx.Set([]byte("crowd"), binary.BigEndian.AppendUint64(nil, counter(value)+1))
		if err == nil {
			err = tx.Commit(w.ctx)
		}
		w.count(err, &committed, &conflicts)
	})
	if n := counter(w.get(w.begin(), "crowd")); n != uint64(committed.Load()) || conflicts.Load()+
		committed.Load() != 2*crowd {
		w.Errorf("%d transactions have committed and %d conflicted, of %d; they have counted to %d", committed.Load(),
			conflicts.Load(), 2*crowd, n)
	}

	one := binary.LittleEndian.AppendUint64(nil, 1)
	w.together(crowd, func(i int) {
		tx := w.store.Begin(kv.TxOptions{Priority: kv.Priority(i % 2)})
		tx.Atomic(kv.AtomicAdd, []byte("blind"), one)
		if err := tx.Commit(w.ctx); err != nil {
			w.Errorf("blind addition %d: %v", i, err)
		}
	})
	w.wantValue(w.begin(), "blind", string(binary.LittleEndian.AppendUint64(nil, crowd)))
}

// count counts how a transaction ended.
func (w *world) count(err error, committed, conflicts *atomic.Int64) {
	switch {
	case err == nil:
		committed.Add(1)
	case errors.Is(err, kv.ErrConflict):
		conflicts.Add(1)
	default:
		w.Error(fmt.Errorf("a transaction of many on one key: %w", err))
	}
}

// testRangeSkew shows write skew by ranges: two transactions that each find a range empty and write into it, by
// whatever kind of write, can't both commit, in either order; and that those that read only what the other does not
// write both do.
func testRangeSkew(w *world) {
	for _, write := range exactWrites() {
		for _, swapped := range []bool{false, true} {
			clearing := w.begin()
			clearing.ClearRange(nil, kv.KeySpaceEnd())
			w.commit(clearing)
			first, second := w.beginNow(), w.beginNow()
			for _, tx := range []kv.Tx{first, second} {
				if found := w.scan(tx, "j", "m"); len(found) != 0 {
					w.Fatalf("a cleared range holds %q", found)
				}
				w.must(write.do(w, tx, ""))
				tx.Set([]byte("result"), nil)
			}
			if swapped {
				first, second = second, first
			}
			want := error(kv.ErrConflict)
			if len(write.of) == 0 {
				want = nil
			}
			w.want("the first "+write.name, first.Commit(w.ctx), nil)
			w.want("the second "+write.name, second.Commit(w.ctx), want)
		}
	}
}

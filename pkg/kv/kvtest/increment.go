// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const incrementKeys = 5

// testIncrement is FoundationDB's workload of that name: each transaction adds one to two counters, which it reads. The
// sum of all is twice the number of commits, always, and at every read version an even number.
func testIncrement(w *world) {
	w.together(workloadTasks, func(i int) {
		rnd := env.NewRand(uint64(i), 0x696e6372)
		for range workloadTurns {
			first := rnd.IntN(incrementKeys)
			second := (first + 1 + rnd.IntN(incrementKeys-1)) % incrementKeys
			_, err := kv.Transact(w.ctx, w.env, w.store, kv.TxOptions{},
				func(ctx context.Context, tx kv.Tx) (struct{}, error) {
					return struct{}{}, incrementBoth(ctx, tx, first, second)
				})
			if err != nil {
				w.Errorf("task %d: %v", i, err)
				return
			}
			if sum, err := w.counters(w.begin().Snapshot()); err != nil || sum%2 != 0 {
				w.Errorf("the counters add up to %d, %v: a transaction is seen by half", sum, err)
			}
		}
	})
	const want = 2 * workloadTasks * workloadTurns
	if sum, err := w.counters(w.begin()); err != nil || sum != want {
		w.Errorf("the counters add up to %d, %v, want %d", sum, err, want)
	}
}

func incrementKey(i int) []byte { return fmt.Appendf(nil, "counter/%d", i) }

// incrementBoth reads both counters at a time, and writes both.
func incrementBoth(ctx context.Context, tx kv.Tx, first, second int) error {
	all := [][]byte{incrementKey(first), incrementKey(second)}
	values, err := tx.GetAll(ctx, all...)
	if err != nil {
		return err
	}
	for i, value := range values {
		tx.Set(all[i], binary.BigEndian.AppendUint64(nil, counter(value)+1))
	}
	return nil
}

// counter is the number in a value, 0 if there is none.
func counter(value []byte) uint64 {
	if len(value) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// counters is the sum of all counters.
func (w *world) counters(r kv.Reader) (uint64, error) {
	found, _, err := r.Range(w.ctx, []byte("counter/"), []byte("counter0"), kv.RangeOptions{})
	sum := uint64(0)
	for _, pair := range found {
		sum += counter(pair.Value)
	}
	return sum, err
}

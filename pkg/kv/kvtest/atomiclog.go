// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// testAtomicOps is FoundationDB's workload of that name: each transaction does an atomic operation on a shared key and
// writes a log of it. Here the log's keys are versionstamps: done again in their order, what the log
// says gives the shared key's value, also of operations whose order matters.
func testAtomicOps(w *world) {
	w.together(workloadTasks, func(i int) {
		rnd := env.NewRand(uint64(i), 0x61746f6d)
		for range workloadTurns {
			for _, op := range randomOps {
				tx := w.begin()
				param := atomicLogParam(rnd)
				tx.Atomic(op, fmt.Appendf(nil, "value/%02d", op), param)
				tx.Atomic(kv.AtomicSetVersionstampedKey, withStamp(fmt.Sprintf("log/%02d/", op), ""), param)
				if err := tx.Commit(w.ctx); err != nil {
					w.Errorf("task %d: blind operation %d: %v", i, op, err)
				}
			}
		}
	})
	r := w.begin()
	for _, op := range randomOps {
		w.checkAtomicLog(r, op)
	}
}

// atomicLogParam returns a parameter that others are likely to have too, for comparisons to be equal.
func atomicLogParam(rnd *env.Rand) []byte {
	return bytes.Repeat([]byte{"\x00\x01\x7f\xff"[rnd.IntN(4)]}, 1+rnd.IntN(3))
}

func (w *world) checkAtomicLog(r kv.Reader, op kv.AtomicOp) {
	log := w.scan(r, fmt.Sprintf("log/%02d/", op), fmt.Sprintf("log/%02d0", op))
	if len(log) != workloadTasks*workloadTurns {
		w.Errorf("the log of operation %d has %d entries, want %d", op, len(log), workloadTasks*workloadTurns)
	}
	var want []byte
	for _, entry := range log {
		want = applyAtomic(op, want, entry.Value)
	}
	key := fmt.Sprintf("value/%02d", op)
	if err := checkValue(key, w.get(r, key), want, nil); err != nil {
		w.Errorf("operation %d, done %d times: %v", op, len(log), err)
	}
}

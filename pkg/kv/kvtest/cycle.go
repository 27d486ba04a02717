// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// The sizes of the workloads that are FoundationDB's own, re-created: enough for every plant in
// broken_test.go to be found, little enough to run with every build.
const (
	workloadTasks = 8
	workloadTurns = 15
)

const cycleNodes = 12

// testCycle is FoundationDB's workload of that name: every key names the next one, all together a ring. Each
// transaction takes a node out and puts it back one place further, so that a lost conflict, a torn snapshot or half
// of a commit leaves no ring, or a shorter one.
func testCycle(w *world) {
	tx := w.begin()
	for i := range cycleNodes {
		tx.Set(cycleKey(i), cycleKey((i+1)%cycleNodes))
	}
	w.commit(tx)
	w.together(workloadTasks, func(i int) {
		rnd := env.NewRand(uint64(i), 0x6379636c)
		for turn := range workloadTurns {
			if err := w.turnCycle(rnd); err != nil {
				w.Errorf("task %d: %v", i, err)
				return
			}
			reader := w.begin()
			if turn%2 == 0 {
				w.checkCycle(reader)
			} else {
				w.checkCycle(reader.Snapshot())
			}
		}
	})
	w.checkCycle(w.begin())
}

func cycleKey(i int) []byte { return fmt.Appendf(nil, "cycle/%02d", i) }

// turnCycle exchanges the second and the third of four nodes that follow each other.
func (w *world) turnCycle(rnd *env.Rand) error {
	first := cycleKey(rnd.IntN(cycleNodes))
	_, err := kv.Transact(w.ctx, w.env, w.store, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		nodes := [4][]byte{first}
		for i := range 3 {
			next, err := tx.Get(ctx, nodes[i])
			if err != nil {
				return struct{}{}, err
			}
			nodes[i+1] = next
		}
		tx.Set(nodes[0], nodes[2])
		tx.Set(nodes[2], nodes[1])
		tx.Set(nodes[1], nodes[3])
		return struct{}{}, nil
	})
	return err
}

// checkCycle checks that all nodes are one ring, read node by node: all reads have to see one moment.
func (w *world) checkCycle(r kv.Reader) {
	at := cycleKey(0)
	for i := range cycleNodes {
		next, err := r.Get(w.ctx, at)
		if err != nil {
			w.Error(err)
			return
		}
		if back := bytes.Equal(next, cycleKey(0)); back != (i == cycleNodes-1) {
			w.Errorf("after %d of %d nodes the ring is at %q", i+1, cycleNodes, next)
			return
		}
		at = next
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestTimerHeap compares the heap with a sorted slice.
func TestTimerHeap(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var h timerHeap
		var model []*timer
		for seq := range uint64(300) {
			switch rnd.IntN(8) {
			case 0:
				if len(model) > 0 && h.pop() != model[0] {
					t.Fatalf("seed %d: popped another than the first", seed)
				}
				model = model[min(1, len(model)):]
			case 1, 2:
				if len(model) == 0 {
					break
				}
				i := rnd.IntN(len(model))
				if h.remove(model[i].index) != model[i] || model[i].index != -1 {
					t.Fatalf("seed %d: removed another", seed)
				}
				model = slices.Delete(model, i, i+1)
			case 3:
				for _, timer := range model {
					if rnd.IntN(3) == 0 {
						timer.at = time.Duration(rnd.IntN(20))
					}
				}
				h.reorder()
			default:
				made := &timer{at: time.Duration(rnd.IntN(20)), seq: seq, index: -1}
				h.push(made)
				model = append(model, made)
			}
			slices.SortFunc(model, func(a, b *timer) int {
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
			})
			for i, entry := range h {
				if entry.timer.index != i || entry.at != entry.timer.at {
					t.Fatalf("seed %d: a timer at %d believes to be at %d", seed, i, entry.timer.index)
				}
			}
		}
		for _, want := range model {
			if h.pop() != want {
				t.Fatalf("seed %d: drained in another order", seed)
			}
		}
	}
}

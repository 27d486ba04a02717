// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRingAgainstSlice does random operations on a ring and on a slice.
func TestRingAgainstSlice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var r ring[int]
	var model []int
	for i := range 20_000 {
		switch op := rnd.IntN(100); {
		case op < 45:
			r.pushBack(i)
			model = append(model, i)
		case op < 50:
			r.pushFront(i)
			model = slices.Insert(model, 0, i)
		case op < 98 && len(model) > 0:
			if got := r.popFront(); got != model[0] {
				t.Fatalf("popped %d, want %d", got, model[0])
			}
			model = model[1:]
		case op == 99:
			if got := r.drain([]int{-1}); !slices.Equal(got[1:], model) {
				t.Fatalf("drained %v, want %v", got, model)
			}
			model = nil
		}
		if r.len != len(model) {
			t.Fatalf("%d elements, want %d", r.len, len(model))
		}
	}
}

func TestRingHoldsNothingThatWasTaken(t *testing.T) {
	var r ring[*int]
	for range 3 * ringSlotsKept {
		r.pushBack(new(int))
	}
	if r.drain(nil); r.slots != nil {
		t.Errorf("%d slots are kept after a burst", len(r.slots))
	}
	for range 5 {
		r.pushBack(new(int))
		r.popFront()
		r.pushBack(new(int))
		r.drain(nil)
	}
	for i, p := range r.slots {
		if p != nil {
			t.Errorf("slot %d still holds an element", i)
		}
	}
}

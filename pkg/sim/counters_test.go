// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// TestCountersAreJudgedAsBySearch compares the verdicts on random histories of a counter with those of the search for
// an order of the calls.
func TestCountersAreJudgedAsBySearch(t *testing.T) {
	r := env.NewRand(1, 2)
	verdicts := map[bool]int{}
	for range 20_000 {
		ops := randomHistory(r)
		culprit, sure := unexplained(ops)
		if !sure {
			continue
		}
		want := porcupine.CheckOperations(numberModel, operations(ops))
		if (culprit == nil) != want {
			for _, op := range ops {
				t.Logf("%d to %d: %v", op.Called, op.Returned, op)
			}
			t.Fatalf("an order exists: %v; the culprit is said to be %v", want, culprit)
		}
		verdicts[want]++
	}
	if verdicts[true] < 1000 || verdicts[false] < 1000 {
		t.Errorf("the histories are too much alike: %v", verdicts)
	}
}

// randomHistory makes calls of a counter that behaves, and changes an answer in some.
func randomHistory(r *env.Rand) []*Op {
	var ops []*Op
	var total, clock int64
	for i := range 2 + r.IntN(7) {
		op := &Op{Client: string(rune('a' + i)), Method: "get", Outcome: OK}
		op.Called = clock + 1 - int64(r.IntN(6)) // some overlap
		ran := true
		if r.IntN(3) > 0 {
			op.Method, op.Input = "add", 1+r.Int64N(1<<40)
			if r.IntN(3) == 0 {
				op.Outcome, ran = Pending, r.IntN(2) == 0
			}
			if ran {
				total += op.Input.(int64)
			}
		}
		clock += 2
		if op.Outcome == OK {
			op.Output, op.Returned = total, max(clock, op.Called+1)
			clock = op.Returned
		}
		ops = append(ops, op)
	}
	if r.IntN(3) == 0 {
		if a, b := ops[r.IntN(len(ops))], ops[r.IntN(len(ops))]; a.Outcome == OK && b.Outcome == OK {
			a.Output = b.Output
		}
	}
	return ops
}

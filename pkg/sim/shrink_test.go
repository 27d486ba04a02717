// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestShrink shows that a failing run gets smaller, still fails by the same checker, and can be had again from its
// flags.
func TestShrink(t *testing.T) {
	o := sim.Options{Seed: 13, Bug: "unfenced-commit"}
	first := run(t, o)
	small, r, err := sim.Shrink(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Caught(first.Violations[0].Checker) {
		t.Fatalf("the smaller run finds %v, not what the first one did: %v", r.Violations, first.Violations[0])
	}
	if len(*small.Plan) > 3 || small.Clients > 2 || small.Calls >= first.Config.Calls {
		t.Errorf("it was not made small: kelpie sim %s", small.Flags())
	}
	if again := run(t, small); again.TraceHash != r.TraceHash {
		t.Errorf("the smaller run differs from itself: %x and %x", again.TraceHash, r.TraceHash)
	}
	t.Log(small.Flags())
}

func run(t *testing.T, o sim.Options) *sim.Result {
	t.Helper()
	r, err := sim.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

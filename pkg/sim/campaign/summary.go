// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// Summary is what came of all runs that were reported.
type Summary struct {
	Seeds, Failed   int // Failed are those in which a promise was broken
	OK, Unanswered  int // calls
	Steps           uint64
	Simulated, Wall time.Duration  // Wall is real, of the whole campaign
	Faults          map[string]int // how often each befell somebody
	// Undecided is of how many actors the history could not be judged in time.
	Undecided int
}

func (s *Summary) add(r *sim.Result) {
	s.Seeds++
	if r.Caught() {
		s.Failed++
	}
	s.OK += r.OK
	s.Unanswered += r.Failed
	s.Steps += r.Steps
	s.Simulated += r.Elapsed
	s.Undecided += r.Undecided
	if s.Faults == nil {
		s.Faults = make(map[string]int)
	}
	for name, n := range r.Faults {
		s.Faults[name] += n
	}
}

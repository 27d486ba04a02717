// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// compare adds a violation to the first of two runs of a seed, if they went different ways.
func compare(first, second *sim.Result) {
	if first.TraceHash == second.TraceHash {
		return
	}
	first.Violations = append(first.Violations, sim.Violation{
		Checker: Determinism,
		At:      min(first.Elapsed, second.Elapsed),
		What: fmt.Sprintf("run twice, the seed went two ways: trace %016x in %d steps, then %016x in %d",
			first.TraceHash, first.Steps, second.TraceHash, second.Steps),
	})
}

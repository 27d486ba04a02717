// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestNamedNeedEachRule(t *testing.T) {
	budget := NamedBudget{Ticks: 3, Kept: 2, Losses: 1}
	mustNeedEachRule(t, Named, AllNamedRules(), map[string]breach[NamedBudget]{
		"KeptForItsTime":   {budget, brokenNamedTwice, 6},
		"AgeFromRun":       {budget, brokenNamedTwice, 7},
		"FloorWithPruning": {budget, brokenSameCall, 7},
		"FullRefuses":      {budget, brokenOverfull, 4},
	})
}

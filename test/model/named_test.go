// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestNamedNeedEachRule(t *testing.T) {
	budget := NamedBudget{Ticks: 2, Kept: 1, Losses: 1}
	mustNeedEachRule(t, Named, AllNamedRules(), map[string]breach[NamedBudget]{
		"KeptForItsTime": {NamedBudget{Kept: 3, Losses: 1}, brokenSameCall, 5},
		"AgeFromRun":     {budget, brokenNamedTwice, 7},
		"AgeFromBirth":   {budget, brokenSameCall, 5},
		"OldRefused":     {budget, brokenSameCall, 5},
		"FullRefuses":    {budget, brokenOverfull, 4},
	})
}

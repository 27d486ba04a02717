// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestDueNeedsEachRule(t *testing.T) {
	fenced := DueBudget{Sets: 1, Deaths: 1, Fences: 1, Calls: 1}
	moved := DueBudget{Sets: 1, Deaths: 1, Handovers: 1, Losses: 1}
	movedAlarm := DueBudget{Sets: 1, Deaths: 1, Handovers: 1, Losses: 1, Alarm: true}
	broken := DueBudget{Sets: 1, Breaks: 1, Evictions: 1, Losses: 1}
	resting := DueBudget{Sets: 1, Handovers: 1, Breaks: 1, Losses: 1, Calls: 1, Later: true}
	mustNeedEachRule(t, Due, AllDueRules(), map[string]breach[DueBudget]{
		"EntryReadsFence":     {fenced, Stuck, 5},
		"ReleaseTells":        {broken, Stuck, 2},
		"HandoverTells":       {moved, Stuck, 5},
		"BreakTells":          {broken, Stuck, 3},
		"LateWoken":           {movedAlarm, Stuck, 3},
		"LookUntilAttended":   {fenced, Stuck, 5},
		"WakesProve":          {resting, Stuck, 2},
		"TimerUntilElsewhere": {broken, Stuck, 2},
		"UnheardClaimTimed":   {broken, Stuck, 4},
		"OwnersAttend":        {resting, Stuck, 3},
		"FenceTells":          {fenced, Stuck, 2},
	})
}

// Waking what others attend to, after a grace, does not replace telling: nobody reads the list after a break.
func TestDueGraceIsNotEnough(t *testing.T) {
	rules := AllDueRules()
	rules.BreakTells, rules.HandoverTells = false, false
	mustBreak(t, Due(rules, DueBudget{Sets: 1, Breaks: 1, Evictions: 1, Grace: true}), Stuck, 3)
}

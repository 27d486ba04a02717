// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestKeysNeedEachRule(t *testing.T) {
	small := KeysBudget{Prunings: 1, Losses: 1, Copies: 2, Ticks: 1}
	forwards := KeysBudget{Prunings: 1, Forwards: 1, Copies: 2, Ticks: 1}
	destroys := KeysBudget{Prunings: 1, Losses: 1, Copies: 2, Ticks: 1, Destroys: true}
	mustNeedEachRule(t, Keys, AllKeysRules(), map[string]breach[KeysBudget]{
		"RecordWithEffect":    {small, keysBroken[ranTwice], 5},
		"FloorWithPruning":    {small, keysBroken[ranTwice], 8},
		"FloorRefuses":        {small, keysBroken[ranTwice], 8},
		"AnsweredRefuses":     {small, keysBroken[ranTwice], 9},
		"AheadRefused":        {KeysBudget{Prunings: 1, Copies: 2, Ticks: 1, Ahead: true}, Stuck, 6},
		"DoubtEnds":           {small, keysBroken[ranTwice], 10},
		"DoubtTravels":        {forwards, keysBroken[ranTwice], 10},
		"RefusalBringsBirth":  {small, Stuck, 7},
		"DestroyRecorded":     {destroys, keysBroken[ranTwice], 6},
		"DestroyKeepsRecords": {destroys, keysBroken[ranTwice], 8},
		"DestroyKeepsFloor":   {destroys, keysBroken[ranTwice], 11},
		"MovesCarryRecords":   {KeysBudget{Losses: 1, Copies: 2, Moves: 1}, keysBroken[ranTwice], 6},
	})
}

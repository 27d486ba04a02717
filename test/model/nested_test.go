// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestNestedNeedEachRule(t *testing.T) {
	alarms := NestedBudget{Deaths: 1, Losses: 1, Failures: 2, Prunings: 2, Ticks: 1, Copies: 2, Retries: 1}
	mustNeedEachRule(t, Nested, AllNestedRules(), map[string]breach[NestedBudget]{
		"ParentInKey":    {NestedBudget{Deaths: 1, Losses: 1, Copies: 2, Named: true}, brokenChildNever, 6},
		"AlarmsNumbered": {alarms, brokenChildNever, 7},
		"BirthBound":     {alarms, brokenChildTwice, 7},
		"BirthStays":     {alarms, brokenChildTwice, 9},
		"RepliesKept":    {NestedBudget{Losses: 1, Copies: 2, Large: true}, brokenReplyGone, 6},
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"flag"
	"fmt"
	"testing"
)

var large = flag.Bool("model.large", false, "explore the large budgets, each for about a minute")

// largeStatesMax bounds the explorations of large budgets. They take about 100 bytes a state.
const largeStatesMax = 60_000_000

// exploreLarge explores a machine with all its rules by large budgets.
func exploreLarge[B comparable, S comparable](t *testing.T, machine func(B) *Machine[S], budgets ...B) {
	t.Helper()
	if !*large {
		t.Skip("large budgets are for make model")
	}
	for _, b := range budgets {
		t.Run(fmt.Sprintf("%+v", b), func(t *testing.T) { mustHold(t, machine(b), largeStatesMax) })
	}
}

func TestLargeClaims(t *testing.T) {
	exploreLarge(t, func(b ClaimsBudget) *Machine[claimsState] { return Claims(AllClaimsRules(), b) },
		ClaimsBudget{Writes: 2, Reads: 1, Claims: 2, Breaks: 1, Fences: 1, Joins: 1, Unknowns: 1, Handovers: 1},
		ClaimsBudget{Writes: 2, Reads: 1, Claims: 3, Breaks: 1, Fences: 1, Joins: 1, Releases: 1, Renewals: 1},
	)
}

func TestLargeKeys(t *testing.T) {
	exploreLarge(t, func(b KeysBudget) *Machine[keysState] { return Keys(AllKeysRules(), b) },
		KeysBudget{Prunings: 2, Losses: 2, Forwards: 1, GiveUps: 1, Ticks: 2, Copies: 3},
		KeysBudget{Prunings: 2, Losses: 2, Forwards: 1, Ticks: 1, Copies: 3, Destroys: true},
		KeysBudget{Prunings: 2, Losses: 2, Forwards: 1, Ticks: 1, Copies: 3, Ahead: true},
		KeysBudget{Prunings: 1, Losses: 1, Ticks: 1, Copies: 2, Moves: 1, Crashes: 1},
	)
}

func TestLargeNamed(t *testing.T) {
	exploreLarge(t, func(b NamedBudget) *Machine[namedState] { return Named(AllNamedRules(), b) },
		NamedBudget{Ticks: 3, Kept: 2, Losses: 1},
	)
}

func TestLargeNested(t *testing.T) {
	exploreLarge(t, func(b NestedBudget) *Machine[nestedState] { return Nested(AllNestedRules(), b) },
		NestedBudget{Deaths: 2, Losses: 2, Failures: 2, Prunings: 2, Retries: 1, Ticks: 1, Copies: 3},
		NestedBudget{Deaths: 2, Losses: 2, Failures: 2, Ticks: 1, Copies: 3, Named: true, Large: true},
	)
}

func TestLargeSends(t *testing.T) {
	exploreLarge(t, func(b SendsBudget) *Machine[sendsState] { return Sends(AllSendsRules(), b) },
		SendsBudget{Losses: 2, Failures: 3, Ends: 2, Retries: 2, Copies: 3},
		SendsBudget{Losses: 2, Failures: 3, Ends: 2, Retries: 1, Destroys: 1, Copies: 3},
		SendsBudget{Losses: 2, Failures: 3, Ends: 2, Drops: 1, Copies: 3},
		SendsBudget{Losses: 1, Ends: 2, Copies: 3, Restores: true},
		SendsBudget{Losses: 1, Failures: 3, Ends: 1, Moves: 1, Copies: 3, Pressure: true},
	)
}

func TestLargeDue(t *testing.T) {
	b := DueBudget{Sets: 1, Deaths: 1, Restarts: 1, Fences: 1, Handovers: 1, Breaks: 1, Evictions: 1, Losses: 1,
		Calls: 1}
	other, alarm, rests := b, b, b
	other.Scanner = 1
	alarm.Alarm, alarm.Restarts = true, 0
	rests.Later, rests.Restarts = true, 0
	exploreLarge(t, func(b DueBudget) *Machine[dueState] { return Due(AllDueRules(), b) }, b, other, alarm, rests)
}

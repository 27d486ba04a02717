// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestClaimsNeedEachRule(t *testing.T) {
	breaks := ClaimsBudget{Writes: 2, Reads: 1, Claims: 3, Breaks: 1}
	fences := ClaimsBudget{Writes: 2, Reads: 1, Claims: 2, Fences: 1, Joins: 1}
	releases := ClaimsBudget{Writes: 2, Reads: 1, Claims: 3, Unknowns: 1, Releases: 1}
	moves := ClaimsBudget{Writes: 2, Reads: 1, Claims: 2, Unknowns: 1, Handovers: 1}
	returns := ClaimsBudget{Writes: 2, Reads: 1, Claims: 3, Handovers: 1, Releases: 1}
	mustNeedEachRule(t, Claims, AllClaimsRules(), map[string]breach[ClaimsBudget]{
		"WritersReadSeq": {breaks, claimsBroken[staleRead], 17},
		"TakersRevoke":   {breaks, claimsBroken[staleRead], 14},
		"OwnRewritten":   {releases, claimsBroken[staleRead], 15},
		"RetriesRead":    {breaks, claimsBroken[olderCommits], 14},
		"RenewalsProve": {ClaimsBudget{Writes: 2, Claims: 2, Breaks: 1, Renewals: 1}, claimsBroken[olderCommits],
			13},
		"UnknownSettled":     {releases, claimsBroken[lostWrite], 5},
		"ProofPerActivation": {fences, claimsBroken[staleRead], 14},
		"HandoversDrop":      {moves, claimsBroken[staleRead], 16},
		"InstallsRead":       {returns, claimsBroken[staleRead], 17},
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestSendsNeedEachRule(t *testing.T) {
	small := SendsBudget{Losses: 2, Failures: 2, Ends: 1, Copies: 3}
	restores := SendsBudget{Losses: 1, Ends: 1, Copies: 2, Restores: true}
	retries := SendsBudget{Losses: 1, Failures: 2, Copies: 2, Retries: 2}
	mustNeedEachRule(t, Sends, AllSendsRules(), map[string]breach[SendsBudget]{
		"NumbersFromCommits":   {small, brokenMessageLost, 9},
		"DestroyKeepsNumbers":  {SendsBudget{Losses: 1, Copies: 2, Destroys: 1}, brokenMessageLost, 10},
		"RestoreRaisesNumbers": {restores, brokenMessageLost, 12},
		"RestoreKeepsOutbox":   {restores, brokenMessageTwice, 10},
		"MarkWithEffect":       {small, brokenMessageTwice, 6},
		"MovesCarryMarks":      {SendsBudget{Losses: 1, Copies: 2, Moves: 1}, brokenMessageTwice, 7},
		"OneAtATime":           {small, brokenOrder, 5},
		"ReceiverAgrees":       {retries, brokenMessageTwice, 13},
		"LetterBeforeNext":     {small, brokenMessageLost, 14},
		"RetryRemovesLetter":   {retries, brokenMessageTwice, 13},
		"DropBeforeNext":       {SendsBudget{Losses: 1, Ends: 1, Copies: 2, Drops: 1}, brokenOrder, 6},
		"ResultsOutlive":       {SendsBudget{Failures: 1, Ends: 1, Copies: 2, Pressure: true}, Stuck, 0},
	})
}

// The mark forgets that a message was given up when the next one is done. A sender that is restored from before it
// stored the dead letter is then told that the message is done. This is known, and not mended by any rule above: it
// takes a backup of both actors at one moment, or a receiver that keeps the numbers that it has given up.
func TestRestoreOfAnOlderSenderLosesDeadLetters(t *testing.T) {
	budget := SendsBudget{Losses: 1, Ends: 1, Failures: 2, Copies: 2, Restores: true}
	mustBreak(t, Sends(AllSendsRules(), budget), brokenMessageLost, 17)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// answered notes that calls of an activation have been answered.
func (a *Activation) answered(answers []call.Answer) {
	n := a.parts
	now := n.Env.Monotonic()
	var sum time.Duration
	calls, failed := 0, 0
	for i := range answers {
		c := answers[i].Call
		if c.Own { // nobody waits for it
			continue
		}
		took := now - c.Entered
		calls, sum = calls+1, sum+took
		n.Meter.Calls.Add(took)
		if answers[i].Err != nil {
			failed++
		}
	}
	if calls == 0 {
		return
	}
	n.Meter.Answered.Add(uint64(calls))
	n.Meter.Failed.Add(uint64(failed))
	a.mailbox.Answered(now, calls, sum/time.Duration(calls))
}

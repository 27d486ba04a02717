// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import "time"

// answered notes that calls of an activation have been answered.
func (a *activation) answered(answers []answer) {
	n := a.host
	now := n.env.Monotonic()
	var sum time.Duration
	calls, failed := 0, 0
	for i := range answers {
		c := answers[i].call
		if c.own { // nobody waits for it
			continue
		}
		took := now - c.entered
		calls, sum = calls+1, sum+took
		n.meter.calls.add(took)
		if answers[i].err != nil {
			failed++
		}
	}
	if calls == 0 {
		return
	}
	n.meter.answered.Add(uint64(calls))
	n.meter.failed.Add(uint64(failed))
	a.slot.mu.Lock()
	a.slot.tally.add(now, calls, sum/time.Duration(calls))
	a.slot.mu.Unlock()
}

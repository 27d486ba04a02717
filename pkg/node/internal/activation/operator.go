// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// runCancelAlarm cancels an alarm for an operator, as part of the batch. A run of it that was found to be due before
// does not begin any more.
func (a *Activation) runCancelAlarm(c *call.Call) call.Answer {
	out := call.Answer{Call: c}
	if !a.Spec.Volatile && a.schedule.Cancel(string(c.Body)) {
		a.schedule.Keep()
		out.Writes = true
		return out
	}
	out.Err = api.Errorf(api.CodeNotFound, "actor %s has no alarm %q: see 'kelpie alarms ls --actor %s'", a.Actor,
		call.Clip(string(c.Body)), a.Actor)
	return out
}

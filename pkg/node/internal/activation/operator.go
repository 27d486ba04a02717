// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"strconv"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
)

// runCancelAlarm cancels an alarm for an operator, as part of the batch. A run of it that was found to be due before
// does not begin any more.
func (a *Activation) runCancelAlarm(c *call.Call) call.Answer {
	out := call.Answer{Call: c}
	if g := a.schedule; g != nil && !a.Spec.Volatile {
		if g.Begin(); g.Cancel(string(c.Body)) {
			g.Keep()
			out.Writes = true
			return out
		}
	}
	out.Err = api.Errorf(api.CodeNotFound, "actor %s has no alarm %q: see 'kelpie alarms ls --actor %s'", a.Actor,
		call.Clip(string(c.Body)), a.Actor)
	return out
}

// runDropSends takes messages out of the outbox for an operator, as part of the batch.
func (a *Activation) runDropSends(c *call.Call) call.Answer {
	out := call.Answer{Call: c}
	digits, target, _ := strings.Cut(string(c.Body), " ")
	number, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		out.Err, out.Settled = api.Errorf(api.CodeInvalidArgument, "%q is not the number of a message",
			call.Clip(digits)), true
		return out
	}
	n := 0
	if a.schedule != nil && !a.Spec.Volatile {
		n = a.schedule.Drop(func(m *state.Message) bool {
			return (number == 0 || m.Number == number) && (target == "" || m.Target.String() == target)
		})
	}
	if n == 0 {
		out.Err = api.Errorf(api.CodeNotFound, "actor %s has no such message that is not delivered yet: see "+
			"'kelpie sends ls --actor %s'", a.Actor, a.Actor)
		return out
	}
	out.Body, out.Writes = strconv.AppendInt(nil, int64(n), 10), true
	return out
}

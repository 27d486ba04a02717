// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"github.com/kelpiehq/kelpie/internal/codec"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
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

// runDropSends takes messages out of the outbox for an operator, as part of the batch. The operator gets the answer
// when it is known, as far as it can be, what has become of those that were on their way.
func (a *Activation) runDropSends(c *call.Call) call.Answer {
	out := call.Answer{Call: c}
	var req api.SendDropRequest
	if err := codec.Unmarshal(c.Body, &req); err != nil {
		out.Err, out.Settled = api.Errorf(api.CodeInvalidArgument, "what is to be dropped can't be read: %v", err), true
		return out
	}
	selects := func(m *state.Message) bool {
		return (req.Number == 0 || m.Number == req.Number) && (req.Target == "" || m.Target.String() == req.Target)
	}
	done := func(selected int, result state.Dropped) {
		body, err := codec.Marshal(api.SendDropReply{Dropped: selected - result.Delivered,
			Delivered: result.Delivered, Unclear: result.Unclear})
		c.Finish(body, "", err)
	}
	if a.schedule == nil || a.Spec.Volatile || !a.schedule.Drop(selects, done) {
		out.Err = api.Errorf(api.CodeNotFound, "actor %s has no such message that is not delivered yet: see "+
			"'kelpie sends ls --actor %s'", a.Actor, a.Actor)
		return out
	}
	out.Writes, out.Later = true, true
	return out
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// runAlarm runs an alarm, unless it has been replaced or cancelled since it was found to be due.
func (a *Activation) runAlarm(c *call.Call, calls []*call.Call) (out call.Answer, err error) {
	al := c.Alarm
	if a.schedule.Alarm(al.Name) != al {
		return call.Answer{Call: c, Settled: true}, nil
	}
	if err := al.Check(); err != nil { // this node can't tell when the alarm comes again
		out = call.Answer{Call: c, Err: api.Errorf(api.CodeUnavailable,
			"it waits for a node that can read its rule: %w", err)}
		a.alarmFailed(&out)
		return out, nil
	}
	ctx, cancel := env.WithTimeout(a.parts.Env, a.parts.Ctx, call.DefaultDeadline)
	defer cancel()
	c.Context = func() context.Context { return ctx }
	c.Deadline = a.parts.Env.Monotonic() + call.DefaultDeadline
	c.Key = al.Key(a.Actor, a.Claim.Version())
	out, err = a.runMethod(c, calls)
	if err == nil && !a.outbound.refused && out.Err != nil {
		a.alarmFailed(&out)
	}
	return out, err
}

// alarmFailed takes note that an alarm has failed, as part of the batch.
func (a *Activation) alarmFailed(out *call.Answer) {
	al, now := out.Call.Alarm, a.parts.Env.Now()
	failed := al.Failed(out.Err, now.UnixMilli())
	a.parts.Log.Warn("an alarm has failed", "actor", a.Actor.String(), "alarm", al.Name, "method", al.Method,
		"attempts", failed.Attempts, "error", out.Err)
	if al.Tries == 0 {
		a.parts.Events.SumRarely(api.Event{Kind: api.EventAlarmFailed, Node: a.parts.NodeID, Actor: a.Actor.String(),
			Cause: "alarm " + al.Name + ": " + failed.Error})
	}
	if failed.Attempts < call.FailuresMax {
		a.schedule.Put(failed)
	} else {
		a.schedule.Advance(al, now)
		a.schedule.Bury(&registry.DeadLetter{
			Alarm: strings.TrimPrefix(cmp.Or(al.Origin, al.Name), call.RetriedAlarm), Target: a.Actor,
			Method:   al.Method,
			Request:  al.Request,
			Attempts: failed.Attempts, Origin: al.Number, Due: al.Due.UnixMilli(), Died: now.UnixMilli(),
		}, out.Err)
	}
	a.schedule.Keep()
	out.Writes, out.Settled = true, false
}

// runOwn runs a call that the activation makes of itself.
func (a *Activation) runOwn(c *call.Call, calls []*call.Call) (call.Answer, error) {
	switch {
	case c.Alarm != nil:
		return a.runAlarm(c, calls)
	case c.Abandoned != nil:
		return a.runNote(c), nil
	}
	return call.Answer{Call: c, Settled: true}, nil
}

// deadLettersMax is how many dead letters an actor has. The oldest go when there are more.
const deadLettersMax = 1000

// crowd drops the oldest dead letters if there would be too many. One that can't be read now is dropped by a later one.
func (a *Activation) crowd(ctx context.Context) {
	g := a.schedule
	if len(g.Buried) == 0 || g.Dead >= 0 && g.Dead+len(g.Buried) <= deadLettersMax {
		return
	}
	numbers, err := a.Claim.DeadNumbers(ctx)
	if err != nil {
		a.parts.Log.Warn("dead letters could not be counted", "actor", a.Actor.String(), "error", err)
		return
	}
	g.Dead = len(numbers)
	for _, number := range numbers {
		if g.Dead+len(g.Buried) <= deadLettersMax {
			return
		}
		a.parts.Log.Warn("a dead letter was dropped: the actor has too many", "actor", a.Actor.String(), "letter",
			api.FormatLetter(a.Actor, number))
		g.Exhumed = append(g.Exhumed, number)
		g.Dead--
	}
}

// runRetry takes a dead letter of the actor's back: a message goes out again, an alarm runs at once.
func (a *Activation) runRetry(c *call.Call) call.Answer {
	out := call.Answer{Call: c}
	if a.Spec.Volatile {
		out.Err = ErrNoLetter(a.Actor, string(c.Body))
		return out
	}
	number, err := strconv.ParseUint(string(c.Body), 10, 63)
	if err != nil {
		out.Err, out.Settled = api.Errorf(api.CodeInvalidArgument, "%q is not the number of a dead letter",
			call.Clip(string(c.Body))), true
		return out
	}
	d, err := a.Claim.DeadLetter(c.Context(), number)
	switch {
	case err != nil:
		out.Err, out.Settled = api.Errorf(api.CodeUnavailable, "actor %s: its dead letter can't be read: %v", a.Actor,
			err), true
		return out
	case d == nil || a.schedule != nil && slices.Contains(a.schedule.Exhumed, number):
		out.Err = ErrNoLetter(a.Actor, strconv.FormatUint(number, 10))
		return out
	}
	err = a.amend(func(g *state.Schedule) error {
		if err := a.takeBack(d); err != nil {
			return err
		}
		g.Exhumed = append(g.Exhumed, number)
		return nil
	})
	if err != nil {
		out.Err = call.WireError(err)
		return out
	}
	out.Writes = true
	return out
}

// takeBack sends again what a dead letter tells of, or has it run.
func (a *Activation) takeBack(d *registry.DeadLetter) error {
	if d.Alarm == "" {
		return a.send(&state.Message{Origin: d.Origin, Target: d.Target, Method: d.Method, Body: d.Request,
			Since: d.Due})
	}
	al := &call.Alarm{Origin: d.Alarm, Number: d.Origin}
	al.Name, al.Method, al.Request, al.Due = call.RetriedAlarm+strconv.FormatUint(d.Number, 10), d.Method, d.Request,
		time.UnixMilli(d.Due).UTC()
	return a.setAlarm(al)
}

// ErrNoLetter is the error of CodeNotFound for a dead letter that an actor does not have.
func ErrNoLetter(id api.ActorID, number string) error {
	return api.Errorf(api.CodeNotFound, "actor %s has no dead letter %s: see 'kelpie actors dead-letters ls'", id,
		call.Clip(number))
}

// runSend runs what another actor has sent, unless that has been done.
func (a *Activation) runSend(c *call.Call, calls []*call.Call) (out call.Answer, err error) {
	in := &a.plan().Inbox
	last, err := in.Mark(c.Context(), a.Claim, state.SourceOf(c))
	if err != nil {
		return call.Answer{Call: c, Err: call.WireError(err), Settled: true}, nil
	}
	if c.Number <= last.Number {
		out = call.Answer{Call: c}
		if c.Number == last.Number && last.Failed != nil {
			out.Err = last.Failed
		}
		return out, nil
	}
	if last.Bound == c.Number {
		c.Key.Birth = last.Birth
	}
	out, err = a.runMethod(c, calls)
	if err == nil && !a.outbound.refused {
		a.sendRun(&out)
	}
	return out, err
}

// sendRun takes note of what became of a message, as part of the batch.
func (a *Activation) sendRun(out *call.Answer) {
	c := out.Call
	switch {
	case out.Err == nil:
		a.schedule.Inbox.Set(state.SourceOf(c), state.HighWater{Number: c.Number})
	case c.Flags&api.InvokeLastTry != 0 && call.CountsAsFailure(out.Err) && !call.Expired(out):
		failed := call.WireError(out.Err)
		failed = state.GivenUp(failed, failed.Detail[api.DetailCode])
		a.schedule.Inbox.Set(state.SourceOf(c), state.HighWater{Number: c.Number, Failed: failed})
		out.Err = failed
	default:
		if api.CodeOf(out.Err) == api.CodeDeadlineExceeded && !call.Expired(out) { // the sender can't tell otherwise
			out.Err = call.MarkRan(call.WireError(out.Err))
		}
		return
	}
	out.Writes, out.Settled = true, false
}

// runNote takes note of a handler that did not return, as part of the batch.
func (a *Activation) runNote(c *call.Call) call.Answer {
	g := a.plan()
	out := call.Answer{Call: c.Abandoned, Err: ErrHangs(c.Abandoned)}
	if c.Abandoned.Alarm != nil {
		if al := g.Alarm(c.Abandoned.Alarm.Name); al == nil || !al.Same(c.Abandoned.Alarm) {
			return call.Answer{Call: c, Settled: true}
		}
		a.alarmFailed(&out)
	} else if last, err := g.Inbox.Mark(a.parts.Ctx, a.Claim, state.SourceOf(c.Abandoned)); err != nil {
		a.parts.Log.Warn("that a message has hung could not be noted: it is tried once more", "actor", a.Actor.String(),
			"error", err)
	} else if c.Abandoned.Number > last.Number {
		a.sendRun(&out)
	}
	return call.Answer{Call: c, Writes: out.Writes, Settled: !out.Writes}
}

// ErrHangs is the error of a call whose handler does not return.
func ErrHangs(c *call.Call) *api.Error {
	err := api.Errorf(api.CodeDeadlineExceeded, "actor %s: method %s did not return by its deadline, nor %v later",
		c.Actor, call.Clip(c.Method), call.HandlerGrace)
	err.Detail = map[string]string{api.DetailRan: "true"}
	return err
}

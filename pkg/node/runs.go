// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// runAlarm runs an alarm, unless it has been replaced or cancelled since it was found to be due.
func (a *activation) runAlarm(c *call, calls []*call) (out answer, inTime bool) {
	al := c.alarm
	if a.agenda.alarm(al.Name) != al {
		return answer{call: c, settled: true}, true
	}
	ctx, cancel := env.WithTimeout(a.host.env, a.host.ctx, defaultDeadline)
	defer cancel()
	c.context = func() context.Context { return ctx }
	c.deadline = a.host.env.Monotonic() + defaultDeadline
	c.key = al.key(a.actor, a.claim.Version())
	out, inTime = a.runMethod(c, calls)
	if !inTime || a.asking.refused || out.err == nil {
		return out, inTime
	}
	a.alarmFailed(&out)
	return out, true
}

// alarmFailed takes note that an alarm has run in vain, as part of the batch.
func (a *activation) alarmFailed(out *answer) {
	al, now := out.call.alarm, a.host.env.Now()
	failed := al.failed(counts(out.err), now.UnixMilli())
	a.host.log.Warn("an alarm has failed", "actor", a.actor.String(), "alarm", al.Name, "method", al.Method,
		"attempts", failed.Attempts, "error", out.err)
	a.agenda.begin()
	if failed.Attempts < failuresMax {
		a.agenda.put(failed)
	} else {
		a.agenda.advance(al, now)
		a.agenda.bury(&registry.DeadLetter{
			Alarm: strings.TrimPrefix(cmp.Or(al.origin, al.Name), retriedAlarm), Target: a.actor, Method: al.Method,
			Request:  al.Request,
			Attempts: failed.Attempts, Origin: al.number, Due: al.Due.UnixMilli(), Died: now.UnixMilli(),
		}, out.err)
	}
	a.agenda.keep()
	out.writes, out.settled = true, false
}

// runOwn runs a call that the activation makes of itself.
func (a *activation) runOwn(c *call, calls []*call) (out answer, inTime bool) {
	switch {
	case c.alarm != nil:
		return a.runAlarm(c, calls)
	case c.abandoned != nil:
		return a.runNote(c), true
	}
	return answer{call: c, settled: true}, true
}

// deadLettersMax is how many dead letters an actor has. The oldest go when there are more.
const deadLettersMax = 1000

// crowd drops the oldest dead letters if there would be too many. One that can't be read now is dropped by a later one.
func (a *activation) crowd(ctx context.Context) {
	g := a.agenda
	if len(g.buried) == 0 || g.dead >= 0 && g.dead+len(g.buried) <= deadLettersMax {
		return
	}
	numbers, err := a.claim.DeadNumbers(ctx)
	if err != nil {
		a.host.log.Warn("dead letters could not be counted", "actor", a.actor.String(), "error", err)
		return
	}
	g.dead = len(numbers)
	for _, number := range numbers {
		if g.dead+len(g.buried) <= deadLettersMax {
			return
		}
		a.host.log.Warn("a dead letter was dropped: the actor has too many", "actor", a.actor.String(), "letter",
			api.FormatLetter(a.actor, number))
		g.exhumed = append(g.exhumed, number)
		g.dead--
	}
}

// runRetry takes a dead letter of the actor's back: a message goes out again, an alarm runs at once.
func (a *activation) runRetry(c *call) answer {
	out := answer{call: c}
	if a.spec.Volatile {
		out.err = errNoLetter(a.actor, string(c.body))
		return out
	}
	number, err := strconv.ParseUint(string(c.body), 10, 63)
	if err != nil {
		out.err, out.settled = api.Errorf(api.CodeInvalidArgument, "%q is not the number of a dead letter",
			clip(string(c.body))), true
		return out
	}
	d, err := a.claim.DeadLetter(c.context(), number)
	switch {
	case err != nil:
		out.err, out.settled = api.Errorf(api.CodeUnavailable, "actor %s: its dead letter can't be read: %v", a.actor,
			err), true
		return out
	case d == nil || a.agenda != nil && slices.Contains(a.agenda.exhumed, number):
		out.err = errNoLetter(a.actor, strconv.FormatUint(number, 10))
		return out
	}
	g := a.plan()
	g.begin()
	if d.Alarm == "" {
		err = a.send(&message{origin: d.Origin, target: d.Target, method: d.Method, body: d.Request, since: d.Due})
	} else {
		al := &alarm{origin: d.Alarm, number: d.Origin}
		al.Name, al.Method, al.Request, al.Due = retriedAlarm+strconv.FormatUint(number, 10), d.Method, d.Request,
			time.UnixMilli(d.Due).UTC()
		err = a.setAlarm(al)
	}
	if err != nil {
		g.begin()
		out.err = wireError(err)
		return out
	}
	g.exhumed = append(g.exhumed, number)
	g.keep()
	out.writes = true
	return out
}

func errNoLetter(id actor.ID, number string) error {
	return api.Errorf(api.CodeNotFound, "actor %s has no dead letter %s: see 'kelpie actors dead-letters ls'", id,
		clip(number))
}

// runSend runs what another actor has sent, unless that has been done.
func (a *activation) runSend(c *call, calls []*call) (out answer, inTime bool) {
	in := &a.plan().inbox
	last, err := in.mark(c.context(), a.claim, sourceOf(c))
	if err != nil {
		return answer{call: c, err: wireError(err), settled: true}, true
	}
	if c.number <= last.number {
		out = answer{call: c}
		if c.number == last.number && last.failed != nil {
			out.err = last.failed
		}
		return out, true
	}
	if last.bound == c.number {
		c.key.Birth = last.birth
	}
	out, inTime = a.runMethod(c, calls)
	if !inTime || a.asking.refused {
		return out, inTime
	}
	a.sendRun(&out)
	return out, true
}

// sendRun takes note of what became of a message, as part of the batch.
func (a *activation) sendRun(out *answer) {
	c := out.call
	switch {
	case out.err == nil:
		a.agenda.inbox.set(sourceOf(c), mark{number: c.number})
	case c.flags&api.InvokeLastTry != 0 && counts(out.err) && !expired(out):
		failed := wireError(out.err)
		failed = givenUp(failed, failed.Detail[api.DetailCode])
		a.agenda.inbox.set(sourceOf(c), mark{number: c.number, failed: failed})
		out.err = failed
	default:
		if api.CodeOf(out.err) == api.CodeDeadlineExceeded && !expired(out) { // the sender can't tell otherwise
			out.err = ran(wireError(out.err))
		}
		return
	}
	out.writes, out.settled = true, false
}

// runNote takes note of a handler that did not return, as part of the batch.
func (a *activation) runNote(c *call) answer {
	g := a.plan()
	g.begin()
	out := answer{call: c.abandoned, err: errHangs(c.abandoned)}
	if c.abandoned.alarm != nil {
		if al := g.alarm(c.abandoned.alarm.Name); al == nil || !al.same(c.abandoned.alarm) {
			return answer{call: c, settled: true}
		}
		a.alarmFailed(&out)
	} else if last, err := g.inbox.mark(a.host.ctx, a.claim, sourceOf(c.abandoned)); err != nil {
		a.host.log.Warn("that a message has hung could not be noted: it is tried once more", "actor", a.actor.String(),
			"error", err)
	} else if c.abandoned.number > last.number {
		a.sendRun(&out)
	}
	return answer{call: c, writes: out.writes, settled: !out.writes}
}

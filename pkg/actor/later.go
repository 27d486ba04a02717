// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Agenda is what an actor has to do by itself: alarms, and sends to deliver. Changes are committed together with the
// state, and undone together.
type Agenda interface {
	// Clock returns the wall clock of the actor's node.
	Clock() time.Time
	// SetAlarm sets an alarm, in place of the one of that name.
	SetAlarm(a PlannedAlarm) error
	// CancelAlarm removes an alarm, and reports whether there was one.
	CancelAlarm(name string) (bool, error)
	// Alarms returns the alarms that are set, in order of name.
	Alarms() []AlarmInfo
	// Send has a method of another actor called, with an encoded request, after the commit.
	Send(id ID, method string, request []byte) error
}

// SetAlarm has the actor run one of its own writing methods at a time to come, whether it is active then or not. An
// alarm of the same name is replaced. It is set when what the handler does is committed: one that fails has set
// nothing.
//
// The method runs like that of a call, and the alarm is done, or set for its next time, in the same transaction: so
// the effect of each of its times is exactly once. Context.Now is the time for which it was set, however late it
// runs. One with Every or Cron that is late runs once, not for every time that it has missed. A method that fails
// runs again after a second, then after twice as long each time, up to a minute; after ten failures the alarm goes to
// the dead letters, and if it repeats it goes on with its next time.
//
// An actor has at most 100 alarms, and their requests together at most 1 MiB. Volatile actors have none.
func (c *Context) SetAlarm(name string, a Alarm) error {
	if c.turn.Agenda == nil {
		return errNoAgenda("set an alarm")
	}
	planned, err := a.plan(name, c.turn.Agenda.Clock())
	if err != nil {
		return err
	}
	if len(planned.Request) > LaterBytesMax {
		return api.Errorf(api.CodeTooLarge, "alarm %q: its request has %d bytes; at most %d are allowed", name,
			len(planned.Request), LaterBytesMax)
	}
	return c.turn.Agenda.SetAlarm(planned)
}

// CancelAlarm removes an alarm, and reports whether there was one of that name. It is effective with the handler's
// commit.
func (c *Context) CancelAlarm(name string) (bool, error) {
	if c.turn.Agenda == nil {
		return false, errNoAgenda("cancel an alarm")
	}
	return c.turn.Agenda.CancelAlarm(name)
}

// Alarms returns the actor's alarms, in order of name.
func (c *Context) Alarms() []AlarmInfo {
	if c.turn.Agenda == nil {
		return nil
	}
	return c.turn.Agenda.Alarms()
}

// Send has a method of another actor called after the commit of what the handler does: if the handler fails, nothing
// is sent; if it does not, the method has its effect exactly once, however long that takes and whatever fails
// meanwhile. Nobody waits for its reply. What one actor sends to another is handled in the order in which it was
// sent.
//
// A method that fails is called again after a second, then after twice as long each time, up to a minute; what was
// sent to the same actor later waits meanwhile. After ten failures the message goes to the sender's dead letters.
// That nobody can be reached, or is overloaded, is no failure.
//
// A request has at most 90,000 bytes encoded; an actor has at most 1,000 messages, and 1 MiB of them, that are not
// delivered yet. Volatile actors can't send.
func Send(ctx *Context, id ID, method string, request any) error {
	if ctx.turn.Agenda == nil {
		return errNoAgenda("send")
	}
	var body []byte
	if request != nil {
		var err error
		if body, err = Marshal(request); err != nil {
			return api.Errorf(api.CodeInvalidArgument, "the request of type %T does not encode: %v", request, err)
		}
	}
	if err := id.Validate(); err != nil {
		return err
	}
	switch {
	case method == "" || len(method) > api.MethodBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "method name has %d bytes; it must have 1 to %d", len(method),
			api.MethodBytesMax)
	case len(body) > LaterBytesMax:
		return api.Errorf(api.CodeTooLarge, "message of %d bytes to %s; at most %d are allowed", len(body), id,
			LaterBytesMax)
	}
	return ctx.turn.Agenda.Send(id, method, body)
}

func errNoAgenda(what string) error {
	return api.Errorf(api.CodeFailedPrecondition, "can't %s from here: only handlers of actors on a node may", what)
}

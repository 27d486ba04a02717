// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
)

// MethodSettle is the method of a call that an activation makes of itself to have committed what is to be.
const MethodSettle = "$settle"

// scheduler is an activation's schedule as its handlers have it.
type scheduler struct {
	a *Activation
}

var _ kind.Schedule = scheduler{}

// plan returns the schedule, making it if there is none.
func (a *Activation) plan() *state.Schedule {
	if a.schedule == nil {
		a.schedule = state.NewSchedule()
		a.schedule.Inbox.Volatile = a.Spec.Volatile
	}
	return a.schedule
}

// Clock implements kind.Schedule.
func (p scheduler) Clock() time.Time { return p.a.parts.Env.Now() }

// SetAlarm implements kind.Schedule.
func (p scheduler) SetAlarm(al kind.Alarm) error {
	if err := p.may("set an alarm"); err != nil {
		return err
	}
	m := p.a.Spec.Methods[al.Method]
	if m == nil || m.ReadOnly {
		return api.Errorf(api.CodeInvalidArgument, "actor %s: alarm %q: its kind has no writing method %q", p.a.Actor,
			call.Clip(al.Name), call.Clip(al.Method))
	}
	return p.a.setAlarm(&call.Alarm{Alarm: al, Fresh: true})
}

func (a *Activation) setAlarm(al *call.Alarm) error {
	g := a.plan()
	old, bytes := g.Alarm(al.Name), al.Bytes()
	for _, other := range g.Alarms {
		if other != old {
			bytes += other.Bytes()
		}
	}
	switch {
	case old == nil && len(g.Alarms) >= call.AlarmsMax:
		return api.Errorf(api.CodeTooLarge, "actor %s: alarm %q: it has %d alarms already", a.Actor, call.Clip(al.Name),
			call.AlarmsMax)
	case bytes > call.AlarmsBytesMax:
		return api.Errorf(api.CodeTooLarge, "actor %s: alarm %q: its alarms would take %d bytes, at most %d fit",
			a.Actor, call.Clip(al.Name), bytes, call.AlarmsBytesMax)
	}
	g.Put(al)
	return nil
}

// CancelAlarm implements kind.Schedule.
func (p scheduler) CancelAlarm(name string) (bool, error) {
	if err := p.may("cancel an alarm"); err != nil {
		return false, err
	}
	return p.a.schedule.Cancel(name), nil
}

// Alarms implements kind.Schedule.
func (p scheduler) Alarms() []kind.Alarm {
	return p.a.schedule.Listed()
}

// Send implements kind.Schedule.
func (p scheduler) Send(id api.ActorID, method string, request []byte) error {
	if err := p.may("send"); err != nil {
		return err
	}
	return p.a.send(&state.Message{Target: id, Method: method, Body: request, Since: p.a.parts.Env.Now().UnixMilli()})
}

func (a *Activation) send(m *state.Message) error {
	g := a.plan()
	own, all := g.Room(m, g.Sent[g.SentKept:]), g.Room(m, g.Outbox, g.Sent)
	all.Count -= g.Delivered()
	switch {
	case !own.Fits():
		return api.Errorf(api.CodeTooLarge,
			"actor %s: one call sends too much to %s: at most %d messages of %d bytes in all fit; send the rest in "+
				"further calls",
			a.Actor, m.Target, state.OutboxMax/2, state.OutboxBytesMax/2)
	case !all.Fits():
		return api.Errorf(api.CodeOverloaded,
			"actor %s: it has %d messages of %d bytes that are not delivered yet, %d of %d bytes of them to %s: it "+
				"can't send more there",
			a.Actor, all.Count-1, all.Bytes-m.Bytes(), all.TargetCount-1, all.TargetBytes-m.Bytes(), m.Target)
	}
	g.Sent = append(g.Sent, m)
	return nil
}

// may says why the handler that runs must not do something that is done later.
func (p scheduler) may(what string) error {
	switch {
	case p.a.mailbox.Abandoned():
		return api.Errorf(api.CodeFailedPrecondition,
			"actor %s: the activation was given up, as its handler did not return: it can't %s", p.a.Actor, what)
	case p.a.Spec.Volatile:
		return api.Errorf(api.CodeFailedPrecondition,
			"actor %s is volatile: it can't %s, which would have to be stored", p.a.Actor, what)
	case p.a.kv.ReadOnly:
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't %s", what)
	}
	return nil
}

// Attend puts the calls before others that the actor makes of itself, if one of those wakes it, or an alarm is to
// run: the wake of a busy actor may find no room in its mailbox. They are its alarms that are to run, or else one to
// commit what else is to be. The answer to a wake tells that the claim was held, as that to any other call: a former
// owner would do nothing.
func (a *Activation) Attend(calls []*call.Call) []*call.Call {
	if !a.parts.ClockIsBehind() {
		a.schedule.BringBack(a.parts.Env.Now())
	}
	woken := slices.ContainsFunc(calls, func(c *call.Call) bool { return c.Method == api.MethodWake })
	if !woken && !a.schedule.Rings(a.parts.Env.Now().UnixMilli()) {
		return calls
	}
	notes := 0 // those come first
	for notes < len(calls) && calls[notes].Abandoned != nil {
		notes++
	}
	return slices.Concat(calls[:notes], a.due(), calls[notes:])
}

// due returns calls of what the actor has to do now.
func (a *Activation) due() []*call.Call {
	if a.schedule.DueAt() == 0 {
		a.parts.Timers.Set(a.Actor, 0)
		return nil
	}
	var out []*call.Call
	now := a.parts.Env.Now().UnixMilli()
	for _, al := range a.schedule.Ready(now) {
		c := a.own(al.Method)
		c.Alarm, c.Body = al, al.Request
		out = append(out, c)
	}
	if len(out) == 0 && (a.schedule.Due <= now || a.schedule.BroughtBack() || len(a.schedule.Results()) > 0) {
		out = append(out, a.own(MethodSettle))
	}
	return out
}

// own returns a call that the activation makes of itself. It is not sent anywhere else.
func (a *Activation) own(method string) *call.Call {
	return &call.Call{
		Actor: a.Actor, Method: method, Own: true, Flags: api.InvokeForwarded,
		Context:  a.parts.Life,
		Deadline: a.parts.Env.Monotonic() + call.DefaultDeadline,
		Finish:   func([]byte, string, error) {},
	}
}

// Deliver has messages delivered from now on: those that there are, and those to come. An actor that has none has no
// outbox dispatcher.
func (a *Activation) Deliver() { a.deliver(true) }

// deliver is Deliver. inherited says that other activations have sent what there is.
func (a *Activation) deliver(inherited bool) {
	switch {
	case !a.Sending():
		a.parts.Outboxes.Drop(a.Actor)
	case a.schedule.Deliveries == nil:
		a.schedule.Deliveries = a.parts.Outboxes.Attach(a.mailbox, a.schedule.Outbox, inherited)
	}
}

// Sending reports whether there are messages to deliver.
func (a *Activation) Sending() bool {
	return a != nil && a.schedule.Sending()
}

// arm sets the actor's timer to what is committed.
func (a *Activation) arm() {
	if a.schedule != nil {
		a.parts.Timers.Set(a.Actor, a.schedule.WakeAt(a.parts.Env.Now().UnixMilli()))
	}
}

// DueAt is the time of the actor's entry in the list of what is due; 0 for none.
func (a *Activation) DueAt() int64 {
	return a.schedule.DueAt()
}

// Ended ends the deliveries of an activation. The actor's timer stays, as long as nobody else is known to look after
// it, and one is set for what may have been committed without anybody's knowing.
func (a *Activation) Ended() {
	if a == nil || a.schedule == nil {
		return
	}
	a.parts.Outboxes.Detach(a.mailbox)
	if at := cmp.Or(a.schedule.Next.Due, a.schedule.Due); at != 0 {
		a.parts.Timers.Soon(a.Actor, max(at, a.parts.Env.Now().Add(schedule.WakeAgain).UnixMilli()))
	}
}

// Settle commits what else is to be before an activation ends in good order: it has nothing lingering then.
func (a *Activation) Settle() error {
	if a.schedule == nil || a.Spec.Volatile {
		return nil
	}
	a.schedule.Linger = 0
	return a.save()
}

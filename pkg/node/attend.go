// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// methodSettle is the method of a call that an activation makes of itself to have committed what is to be.
const methodSettle = "$settle"

// planner is an activation's agenda as its handlers have it.
type planner struct {
	a *activation
}

var _ actor.Agenda = planner{}

// plan returns the agenda, making it if there is none.
func (a *activation) plan() *agenda {
	if a.agenda == nil {
		a.agenda = newAgenda()
		a.agenda.inbox.volatile = a.spec.Volatile
	}
	return a.agenda
}

// Clock implements actor.Agenda.
func (p planner) Clock() time.Time { return p.a.host.env.Now() }

// SetAlarm implements actor.Agenda.
func (p planner) SetAlarm(al actor.PlannedAlarm) error {
	if err := p.may("set an alarm"); err != nil {
		return err
	}
	m := p.a.spec.Methods[al.Method]
	if m == nil || m.ReadOnly {
		return api.Errorf(api.CodeInvalidArgument, "actor %s: alarm %q: its kind has no writing method %q", p.a.actor,
			clip(al.Name), clip(al.Method))
	}
	return p.a.setAlarm(&alarm{PlannedAlarm: al, fresh: true})
}

func (a *activation) setAlarm(al *alarm) error {
	g := a.plan()
	old, bytes := g.alarm(al.Name), al.bytes()
	for _, other := range g.alarms {
		if other != old {
			bytes += other.bytes()
		}
	}
	switch {
	case old == nil && len(g.alarms) >= alarmsMax:
		return api.Errorf(api.CodeTooLarge, "actor %s: alarm %q: it has %d alarms already", a.actor, clip(al.Name),
			alarmsMax)
	case bytes > alarmsBytesMax:
		return api.Errorf(api.CodeTooLarge, "actor %s: alarm %q: its alarms would take %d bytes, at most %d fit",
			a.actor, clip(al.Name), bytes, alarmsBytesMax)
	}
	g.put(al)
	return nil
}

// CancelAlarm implements actor.Agenda.
func (p planner) CancelAlarm(name string) (bool, error) {
	if err := p.may("cancel an alarm"); err != nil {
		return false, err
	}
	return p.a.agenda != nil && p.a.agenda.cancel(name), nil
}

// Alarms implements actor.Agenda.
func (p planner) Alarms() []actor.AlarmInfo {
	if p.a.agenda == nil {
		return nil
	}
	out := make([]actor.AlarmInfo, len(p.a.agenda.alarms))
	for i, al := range p.a.agenda.alarms {
		out[i] = al.AlarmInfo
	}
	return out
}

// Send implements actor.Agenda.
func (p planner) Send(id actor.ID, method string, request []byte) error {
	if err := p.may("send"); err != nil {
		return err
	}
	return p.a.send(&message{target: id, method: method, body: request, since: p.a.host.env.Now().UnixMilli()})
}

func (a *activation) send(m *message) error {
	g := a.plan()
	own, all := g.room(m, g.sent[g.sentKept:]), g.room(m, g.outbox, g.sent)
	all.count -= g.delivered()
	switch {
	case !own.fits():
		return api.Errorf(api.CodeTooLarge,
			"actor %s: one call sends too much to %s: at most %d messages of %d bytes in all fit; send the rest in "+
				"further calls",
			a.actor, m.target, outboxMax/2, outboxBytesMax/2)
	case !all.fits():
		return api.Errorf(api.CodeOverloaded,
			"actor %s: it has %d messages of %d bytes that are not delivered yet, %d of %d bytes of them to %s: it "+
				"can't send more there",
			a.actor, all.count-1, all.bytes-m.bytes(), all.targetCount-1, all.targetBytes-m.bytes(), m.target)
	}
	g.sent = append(g.sent, m)
	return nil
}

// may says why the handler that runs must not do something that is done later.
func (p planner) may(what string) error {
	switch {
	case p.a.slot.abandoned():
		return api.Errorf(api.CodeFailedPrecondition,
			"actor %s: the activation was given up, as its handler did not return: it can't %s", p.a.actor, what)
	case p.a.spec.Volatile:
		return api.Errorf(api.CodeFailedPrecondition,
			"actor %s is volatile: it can't %s, which would have to be stored", p.a.actor, what)
	case p.a.space.readOnly:
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't %s", what)
	}
	return nil
}

// attend puts the calls before others that the actor makes of itself, if one of those wakes it, or an alarm is to
// run: the wake of a busy actor may find no room in its mailbox. They are its alarms that are to run, or else one to
// commit what else is to be. The answer to a wake tells that the claim was held, as that to any other call: a former
// owner would do nothing.
func (a *activation) attend(calls []*call) []*call {
	woken := slices.ContainsFunc(calls, func(c *call) bool { return c.method == api.MethodWake })
	if !woken && !a.agenda.rings(a.host.env.Now().UnixMilli()) {
		return calls
	}
	notes := 0 // those come first
	for notes < len(calls) && calls[notes].abandoned != nil {
		notes++
	}
	return slices.Concat(calls[:notes], a.due(), calls[notes:])
}

// due returns calls of what the actor has to do now.
func (a *activation) due() []*call {
	if a.agenda == nil || a.agenda.due == 0 {
		a.host.timers.set(a.actor, 0)
		return nil
	}
	var out []*call
	now := a.host.env.Now().UnixMilli()
	for _, al := range a.agenda.ready(now) {
		c := a.own(al.Method)
		c.alarm, c.body = al, al.Request
		out = append(out, c)
	}
	if len(out) == 0 && (a.agenda.due <= now || len(a.agenda.results()) > 0) {
		out = append(out, a.own(methodSettle))
	}
	return out
}

// own returns a call that the activation makes of itself. It is not sent anywhere else.
func (a *activation) own(method string) *call {
	return &call{
		actor: a.actor, method: method, own: true, flags: api.InvokeForwarded,
		context:  a.host.life,
		deadline: a.host.env.Monotonic() + defaultDeadline,
		finish:   func([]byte, string, error) {},
	}
}

// deliver has messages delivered from now on: those that there are, and those to come. An actor that has none has no
// courier.
func (a *activation) deliver() {
	switch {
	case !a.sending():
		a.host.couriers.drop(a.actor)
	case a.agenda.courier == nil:
		a.agenda.courier = a.host.couriers.attach(a.slot, a.agenda.outbox)
	}
}

// sending reports whether there are messages to deliver.
func (a *activation) sending() bool {
	return a != nil && a.agenda != nil && len(a.agenda.outbox) > 0
}

// arm sets the actor's timer to what is committed.
func (a *activation) arm() {
	if a.agenda != nil {
		a.host.timers.set(a.actor, a.agenda.wakeAt(a.host.env.Now().UnixMilli()))
	}
}

// dueAt is the time of the actor's entry in the list of what is due; 0 for none.
func (a *activation) dueAt() int64 {
	if a.agenda == nil {
		return 0
	}
	return a.agenda.due
}

// ended ends the deliveries of an activation. The actor's timer stays, as long as nobody else is known to look after
// it, and one is set for what may have been committed without anybody's knowing.
func (a *activation) ended() {
	if a == nil || a.agenda == nil {
		return
	}
	a.host.couriers.detach(a.slot)
	if at := cmp.Or(a.agenda.next.due, a.agenda.due); at != 0 {
		a.host.timers.soon(a.actor, max(at, a.host.env.Now().Add(wakeAgain).UnixMilli()))
	}
}

// settle commits what else is to be before an activation ends in good order: it has nothing lingering then.
func (a *activation) settle() error {
	if a.agenda == nil || a.spec.Volatile {
		return nil
	}
	a.agenda.linger = 0
	writes := a.changes()
	if len(writes) > 0 {
		a.claim.Renew(a.host.keeper.proof())
		if err := a.claim.Commit(a.host.ctx, writes); err != nil {
			return cmp.Or(a.revert(), err)
		}
	}
	a.kept()
	return nil
}

// keptAgenda notes that what the batch makes of the agenda is committed.
func (a *activation) keptAgenda() {
	if a.agenda == nil {
		return
	}
	before := a.agenda.due
	for _, d := range a.agenda.buried {
		a.host.events.sum(
			api.Event{Kind: api.EventDeadLetter, Node: a.host.nodeID, Actor: a.actor.String(), Cause: d.Error})
	}
	a.agenda.stored()
	if a.agenda.courier == nil && a.sending() {
		a.deliver()
	}
	if before != 0 || a.agenda.due != 0 {
		a.arm()
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// scheduledRowsMax is the most rows of a page of alarms.
	scheduledRowsMax = 1000
	// scheduledActorsMax is of how many actors one transaction reads what they have to do by themselves.
	scheduledActorsMax = 250
	// scheduledBytesMax is after how many bytes such a transaction ends.
	scheduledBytesMax = 4 << 20
)

// scheduledOf selects actors: one, or those of a namespace, of all if that is "", whose ids begin with a prefix.
type scheduledOf struct {
	actor             api.ActorID
	namespace, prefix string
}

func newScheduledOf(actor, namespace, prefix string) (of scheduledOf, err error) {
	of = scheduledOf{namespace: namespace, prefix: prefix}
	if actor != "" {
		of.actor, err = api.ParseActorID(actor)
	}
	return of, err
}

// eachScheduled gives f what selected actors have below a prefix of their state's keys, in order of actor, until f says
// that it has enough: of those after an actor, or that actor too if within. Up to next everything has been read; more
// says that there may be others behind it.
func (adm *Service) eachScheduled(ctx context.Context, of scheduledOf, after api.ActorID, within bool, prefix []byte,
	f func(registry.Scheduled) (enough bool)) (next api.ActorID, more bool, err error) {
	var ids []api.ActorID
	switch {
	case within:
		ids = []api.ActorID{after}
	case of.actor != api.ActorID{} && after == api.ActorID{}:
		ids = []api.ActorID{of.actor}
	}
	more = of.actor == api.ActorID{}
	for pages := 0; ; pages++ {
		for len(ids) > 0 {
			parts, done, err := adm.Registry.Scheduled(ctx, ids[:min(len(ids), scheduledActorsMax)], prefix,
				kv.PrefixEnd(prefix), scheduledBytesMax)
			if err != nil {
				return after, false, call.WireError(err)
			}
			for _, part := range parts {
				if f(part) {
					return part.Actor, true, nil
				}
			}
			ids = ids[done:]
		}
		if !more || pages == actorPagesMax { // nothing that was read is left over
			return after, more, nil
		}
		claims, again, err := adm.Registry.Claims(ctx, of.namespace, of.prefix, after, 0)
		if err != nil {
			return after, false, call.WireError(err)
		}
		for _, c := range claims {
			if strings.HasPrefix(c.Actor.ID, of.prefix) {
				ids = append(ids, c.Actor)
			}
			after = c.Actor
		}
		more = again
	}
}

// ServeAlarms lists a page of alarms that are set.
func (adm *Service) ServeAlarms(ctx context.Context, in *api.AlarmsRequest) (*api.AlarmsReply, error) {
	of, err := newScheduledOf(in.Actor, in.Namespace, in.Prefix)
	if err != nil {
		return nil, err
	}
	var after api.ActorID
	if in.After != "" {
		if after, err = api.ParseActorID(in.After); err != nil {
			return nil, err
		}
	}
	limit := in.Limit
	if limit <= 0 || limit > scheduledRowsMax {
		limit = scheduledRowsMax
	}
	out := &api.AlarmsReply{Alarms: []api.AlarmRow{}}
	now, view := adm.Env.Now(), adm.Members.Members()
	next, more, err := adm.eachScheduled(ctx, of, after, in.AfterAlarm != "", statekeys.Alarms,
		func(part registry.Scheduled) bool {
			aside := !view.Takes(part.Actor.Namespace)
			for _, e := range part.Entries {
				name := alarmName(e)
				switch {
				case name == "" || part.Actor == after && name <= in.AfterAlarm:
				case in.Alarm != "" && name != in.Alarm:
				case len(out.Alarms) == limit:
					out.NextAlarm = out.Alarms[limit-1].Alarm
					if last := out.Alarms[limit-1].Actor; last != part.Actor.String() {
						out.Next, out.NextAlarm = last, ""
					}
					return true
				default:
					row := alarmRow(part.Actor, name, e, now)
					if row.SetAside = aside; !in.Overdue || row.OverdueMillis > 0 {
						out.Alarms = append(out.Alarms, row)
					}
				}
			}
			return false
		})
	if err != nil {
		return nil, err
	}
	if more && out.Next == "" {
		out.Next = next.String()
	}
	return out, nil
}

// alarmName returns the name of the alarm that an entry of an actor's state has, "" if it has none.
func alarmName(e registry.Entry) string {
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 {
		return ""
	}
	name, _ := t[1].(string)
	return name
}

func alarmRow(id api.ActorID, name string, e registry.Entry, now time.Time) api.AlarmRow {
	row := api.AlarmRow{Actor: id.String(), Alarm: name}
	al, err := call.DecodeAlarm(e)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	row.Method, row.Attempts, row.Tries, row.Error = al.Method, al.Attempts, al.Tries, al.Error
	row.Next, row.Due = telemetry.RFC3339(time.UnixMilli(al.At())), telemetry.RFC3339(al.Due)
	row.OverdueMillis = max(now.UnixMilli()-al.Due.UnixMilli(), 0)
	row.RequestBytes = len(al.Request)
	switch {
	case al.Every > 0:
		row.Repeats = "every " + al.Every.String()
	case al.Cron != "":
		row.Repeats = al.Cron
	}
	return row
}

// scheduled is what an actor has to do later.
func (adm *Service) scheduled(ctx context.Context, id api.ActorID) (*api.ActorScheduled, error) {
	out, now := new(api.ActorScheduled), adm.Env.Now()
	alarms, err := adm.scheduledEntries(ctx, id, statekeys.Alarms)
	if err != nil {
		return nil, err
	}
	failing := "" // when the one runs next whose error is shown
	for _, e := range alarms {
		name := alarmName(e)
		if name == "" {
			continue
		}
		row := alarmRow(id, name, e, now)
		out.Alarms++
		if out.NextAlarm == "" || row.Next != "" && row.Next < out.NextAlarm {
			out.NextAlarm = row.Next
		}
		if row.Error == "" {
			continue
		}
		if out.AlarmsFailing++; out.AlarmsFailing == 1 || row.Next < failing {
			out.AlarmError, failing = row.Error, row.Next
		}
	}
	messages, err := adm.scheduledEntries(ctx, id, statekeys.Outbox)
	if err != nil {
		return nil, err
	}
	for _, e := range messages { // the oldest first
		row := sendRow(id, sendNumber(e), e, now)
		if out.Sends++; out.Sends == 1 {
			out.OldestSend = row.Sent
		}
		if row.Next != "" && (out.NextSend == "" || row.Next < out.NextSend) {
			out.NextSend = row.Next
		}
		if row.Error == "" {
			continue
		}
		if out.SendsFailing++; out.SendsFailing == 1 {
			out.SendError = row.Error
		}
	}
	return out, nil
}

// scheduledEntries is what an actor has below a prefix of its state's keys.
func (adm *Service) scheduledEntries(ctx context.Context, id api.ActorID, prefix []byte) ([]registry.Entry, error) {
	parts, _, err := adm.Registry.Scheduled(ctx, []api.ActorID{id}, prefix, kv.PrefixEnd(prefix), scheduledBytesMax)
	if err != nil {
		return nil, call.WireError(err)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return parts[0].Entries, nil
}

// ServeAlarmCancel has an actor cancel one of its alarms. It blocks until that is committed.
func (adm *Service) ServeAlarmCancel(ctx context.Context, in *api.AlarmRequest) (*api.AlarmReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if _, err := adm.askActor(ctx, id, api.MethodCancelAlarm, []byte(in.Alarm)); err != nil {
		return nil, err
	}
	adm.Log.Info("alarm cancelled by an operator", "actor", in.Actor, "alarm", call.Clip(in.Alarm))
	return &api.AlarmReply{Actor: in.Actor, Alarm: in.Alarm}, nil
}

// askActor calls a method of Kelpie's own of an actor, wherever it is.
func (adm *Service) askActor(ctx context.Context, id api.ActorID, method string, body []byte) ([]byte, error) {
	answer := env.NewFuture[[]byte](adm.Env)
	c := &call.Call{
		Actor: id, Method: method, Body: body,
		Context:  func() context.Context { return ctx },
		Deadline: adm.Env.Monotonic() + call.DefaultDeadline,
		Finish:   func(body []byte, _ string, err error) { answer.Complete(body, err) },
	}
	if at, ok := env.DeadlineAt(adm.Env, ctx); ok {
		c.Deadline = at
	}
	adm.Router.Route(c)
	reply, err := answer.Wait(ctx)
	if err != nil {
		return nil, call.WireError(err)
	}
	return reply, nil
}

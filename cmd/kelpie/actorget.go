// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// actorDetail is all that is known of an actor. What is not known of an activation, or of one that there is not, is -1.
type actorDetail struct {
	api.ActorRow
	Active        bool    `json:"active"`
	AgeMillis     int64   `json:"age_ms"`
	IdleMillis    int64   `json:"idle_ms"`
	Pending       int     `json:"pending"`
	Calls         int64   `json:"calls"`
	Rate          float64 `json:"rate"`
	LatencyMicros int64   `json:"latency_us"`
	MemoryBytes   int64   `json:"memory_bytes"`
	Handler       string  `json:"handler"`
	RunningMillis int64   `json:"running_ms"`
	StateBytes    int64   `json:"state_bytes"`
	StateKeys     int     `json:"state_keys"`
	StatePartial  bool    `json:"state_partial"`
	Quarantine    string  `json:"quarantine"`
	api.ActorScheduled
}

func newActorDetail(d *api.ActorDetail) actorDetail {
	out := actorDetail{
		ActorRow: d.ActorRow, StateBytes: d.StateBytes, StateKeys: d.StateKeys, StatePartial: d.Partial,
		Quarantine: d.Quarantine,
		AgeMillis:  -1, IdleMillis: -1, Pending: -1, Calls: -1, Rate: -1, LatencyMicros: -1, MemoryBytes: -1,
		RunningMillis: -1,
	}
	out.ActorScheduled = api.ActorScheduled{Alarms: -1, AlarmsFailing: -1, Sends: -1, SendsFailing: -1}
	if d.Scheduled != nil {
		out.ActorScheduled = *d.Scheduled
	}
	if s := d.Stats; s != nil {
		out.Active, out.AgeMillis, out.IdleMillis, out.Pending, out.Calls, out.Rate = true, s.AgeMillis, s.IdleMillis,
			s.Pending, int64(s.Calls), s.Rate
		out.LatencyMicros, out.MemoryBytes, out.Handler, out.RunningMillis = s.LatencyMicros, s.MemoryBytes, s.Handler,
			s.RunningMillis
	}
	return out
}

var actorDetailListing = listing[actorDetail]{
	name: func(d *actorDetail) string { return d.Actor },
	tall: true,
	fields: append(lift(actorListing, func(d *actorDetail) *api.ActorRow { return &d.ActorRow }),
		field[actorDetail]{key: "active", meaning: "whether it is active and its owner has answered; if not, the " +
			"keys below are -1, except those of its stored state", header: "ACTIVE", cell: func(d *actorDetail) string {
			return strconv.FormatBool(d.Active)
		}},
		field[actorDetail]{key: "age_ms", meaning: "time since it was activated", header: "AGE",
			cell: func(d *actorDetail) string { return millis(d.AgeMillis) }},
		field[actorDetail]{key: "idle_ms", meaning: "time since its last call arrived", header: "IDLE",
			cell: func(d *actorDetail) string { return millis(d.IdleMillis) }},
		field[actorDetail]{key: "pending", meaning: "calls in its mailbox, waiting or running", header: "PENDING",
			cell: func(d *actorDetail) string { return known(int64(d.Pending)) }},
		field[actorDetail]{key: "calls", meaning: "calls answered since it was activated", header: "CALLS",
			cell: func(d *actorDetail) string { return known(d.Calls) }},
		field[actorDetail]{key: "rate", meaning: "recent calls per second, averaged over about ten seconds",
			header: "CALLS/S", cell: func(d *actorDetail) string { return knownRate(d.Rate) }},
		field[actorDetail]{
			key: "latency_us", meaning: "recent average latency in microseconds, from mailbox to answer",
			header: "LATENCY", cell: func(d *actorDetail) string { return microsText(d.LatencyMicros) }},
		field[actorDetail]{key: "memory_bytes", meaning: "approximate memory on its node", header: "MEMORY",
			cell: func(d *actorDetail) string { return human.Bytes(d.MemoryBytes) }},
		field[actorDetail]{key: "handler", meaning: "the method that is running, empty if none is", header: "HANDLER",
			cell: func(d *actorDetail) string { return dash(d.Handler) }},
		field[actorDetail]{key: "running_ms", meaning: "how long it has been running", header: "RUNNING",
			cell: func(d *actorDetail) string { return millis(d.RunningMillis) }},
		field[actorDetail]{key: "state_bytes", meaning: "size of everything stored for it: state, alarms, " +
			"messages and kept replies", header: "STORED", cell: (*actorDetail).stored},
		field[actorDetail]{key: "state_keys", meaning: "number of stored values",
			cell: func(d *actorDetail) string { return strconv.Itoa(d.StateKeys) }},
		field[actorDetail]{key: "state_partial", meaning: "whether more is stored that was not counted",
			cell: func(d *actorDetail) string { return strconv.FormatBool(d.StatePartial) }},
		field[actorDetail]{key: "quarantine", meaning: "why all nodes refuse it, empty if they do not",
			header: "QUARANTINE", cell: func(d *actorDetail) string { return dash(d.Quarantine) }},
		field[actorDetail]{key: "alarms", meaning: "alarms that are set, -1 if the node that answers is too " +
			"old to tell", header: "ALARMS",
			cell: func(d *actorDetail) string { return withFailing(d.Alarms, d.AlarmsFailing) }},
		field[actorDetail]{key: "next_alarm", meaning: "when the first of them runs, empty for none",
			header: "NEXT ALARM", cell: func(d *actorDetail) string { return dash(d.NextAlarm) }},
		field[actorDetail]{key: "alarms_failing", meaning: "alarms whose last run has failed, as above",
			cell: func(d *actorDetail) string { return known(int64(d.AlarmsFailing)) }},
		field[actorDetail]{key: "alarm_error", meaning: "message of the failure of the one of those that runs next",
			header: "ALARM ERROR", cell: func(d *actorDetail) string { return dash(d.AlarmError) }},
		field[actorDetail]{key: "sends", meaning: "messages it has sent that are not delivered yet, as above",
			header: "SENDS", cell: func(d *actorDetail) string { return withFailing(d.Sends, d.SendsFailing) }},
		field[actorDetail]{key: "oldest_send", meaning: "when the oldest of them was sent, empty for none",
			header: "OLDEST SEND", cell: func(d *actorDetail) string { return dash(d.OldestSend) }},
		field[actorDetail]{key: "next_send", meaning: "when one of them is tried again, empty if none waits for that",
			header: "NEXT SEND", cell: func(d *actorDetail) string { return dash(d.NextSend) }},
		field[actorDetail]{key: "sends_failing", meaning: "messages whose last try did not deliver them, as above",
			cell: func(d *actorDetail) string { return known(int64(d.SendsFailing)) }},
		field[actorDetail]{key: "send_error", meaning: "why that of the oldest of those did not",
			header: "SEND ERROR", cell: func(d *actorDetail) string { return dash(d.SendError) }},
	),
}

func (d *actorDetail) stored() string {
	more := ""
	if d.StatePartial {
		more = "more than "
	}
	return fmt.Sprintf("%s%s in %s", more, human.Bytes(d.StateBytes), human.Counted(d.StateKeys, "value"))
}

// withFailing is how many of something there are, and how many of those fail.
func withFailing(n, failing int) string {
	if failing > 0 {
		return fmt.Sprintf("%d, %d failing", n, failing)
	}
	return known(int64(n))
}

// known is a number, of which -1 is not known.
func known(n int64) string {
	if n < 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// microsText is a time in microseconds, of which -1 is not known.
func microsText(us int64) string { return human.Duration(time.Duration(us) * time.Microsecond) }

func knownRate(rate float64) string {
	if rate < 0 {
		return "-"
	}
	return strconv.FormatFloat(rate, 'f', 1, 64)
}

func (k *kelpie) actorGet() *cobra.Command {
	var state bool
	l := listCommand[actorDetail]{
		use:   "get ACTOR",
		short: "Show an actor's owner and status",
		args:  cli.Args("ACTOR"),
		long: `Show an actor's owner and status. Looking at an actor does not activate it. An
actor that was never called is not found.

With --state, show the stored state instead, as JSON: {"struct":...,
"space":{...}}, the state struct and the key-value space. Both may be empty:
null and {}. The struct is written as "kelpie actors call" writes replies, if a
node hosts the namespace. A volatile actor stores nothing. A change shows up
once its call is answered.`,
		flags: func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&state, "state", false, "show the stored state, as JSON")
			cmd.Example = "  kelpie actors get counter/a\n  kelpie actors get counter/a --state"
		},
		listing: actorDetailListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]actorDetail) error) error {
			if _, err := api.ParseActorID(args[0]); err != nil {
				return err
			}
			d, err := ask[api.ActorStatsRequest, api.ActorDetail](ctx, s, api.MethodActorStats,
				&api.ActorStatsRequest{Actor: args[0], State: state})
			if err != nil {
				return err
			}
			if d.State == api.ActorUnknown {
				return errNeverCalled(ctx, s, args[0])
			}
			if state {
				return cmp.Or(k.printState(ctx, s, args[0], d.Stored), errPrinted)
			}
			return emit([]actorDetail{newActorDetail(d)})
		},
	}
	cmd := l.command(k)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := run(cmd, args); err != errPrinted {
			return err
		}
		return nil
	}
	return cmd
}

// errPrinted says that the answer was printed in another form than rows.
var errPrinted = errors.New("printed")

// printState prints an actor's state on a line.
func (k *kelpie) printState(ctx context.Context, at *session, actor string, s *api.ActorState) error {
	if s == nil {
		return api.Errorf(api.CodeUnavailable, "actor %s: the node that answered can't show states; upgrade it, "+
			"or ask another with --addr", actor)
	}
	var b bytes.Buffer
	b.WriteString(`{"struct":`)
	if text := typedState(ctx, at, actor, s.Struct); text != nil {
		b.Write(text)
	} else if err := writeStored(&b, s.Struct); err != nil {
		return errStored(actor, err)
	}
	b.WriteString(`,"space":{`)
	for i, p := range s.Space {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := marshalJSON(p.Key)
		if err != nil {
			return err
		}
		b.Write(key)
		b.WriteByte(':')
		if err := writeStored(&b, p.Value); err != nil {
			return errStored(actor, err)
		}
	}
	b.WriteString("}}\n")
	if s.Partial {
		human.Fprintf(k.Stderr, "warning: actor %s: the state is too large to show completely\n", actor)
	}
	_, err := k.Stdout.Write(b.Bytes())
	return err
}

// typedState returns a state struct as the types of its kind have it, nil if no node can tell.
func typedState(ctx context.Context, s *session, actor string, state []byte) []byte {
	id, err := api.ParseActorID(actor)
	if err != nil || len(state) == 0 {
		return nil
	}
	types := converter{s: s, namespace: id.Namespace}
	reply, err := types.ask(ctx, &api.ConvertRequest{State: state})
	if err != nil {
		return nil
	}
	return reply.State
}

// writeStored writes a stored value as JSON.
func writeStored(b *bytes.Buffer, value []byte) error {
	text := json.RawMessage("null")
	if len(value) > 0 {
		var err error
		if text, err = transcodeAll(value); err != nil {
			return err
		}
	}
	b.Write(text)
	return nil
}

func errStored(actor string, err error) error {
	return api.Errorf(api.CodeCorruptState, "actor %s: its state can't be shown: %v", actor, err)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) alarms() *cobra.Command {
	return group("alarms", "List and cancel alarms",
		`An alarm has an actor run one of its methods at a time to come. An actor has at
most 100, each with a name of its own. One that fails runs again after a pause;
after ten failures it becomes a dead letter (see "kelpie actors dead-letters").`,
		k.alarmList(), k.alarmGet(), k.alarmCancel())
}

var alarmListing = listing[api.AlarmRow]{
	name: func(r *api.AlarmRow) string { return r.Actor + " " + r.Alarm },
	fields: []field[api.AlarmRow]{
		{key: "actor", meaning: "the actor that set it", header: "ACTOR",
			cell: func(r *api.AlarmRow) string { return r.Actor }},
		{key: "alarm", meaning: "its name", header: "ALARM", cell: func(r *api.AlarmRow) string { return r.Alarm }},
		{key: "method", meaning: "the method that it runs", header: "METHOD",
			cell: func(r *api.AlarmRow) string { return dash(r.Method) }},
		{key: "next", meaning: "when it runs next", header: "NEXT",
			cell: func(r *api.AlarmRow) string { return dash(r.Next) }},
		{key: "due", meaning: "the time for which it is set; it runs later if a run has failed", header: "DUE",
			wide: true, cell: func(r *api.AlarmRow) string { return dash(r.Due) }},
		{key: "overdue_ms", meaning: "how long it has been due, by the clock of the node that was asked; 0 if it is " +
			"not due yet", header: "OVERDUE", cell: func(r *api.AlarmRow) string {
			if r.OverdueMillis == 0 {
				return "-"
			}
			return millis(r.OverdueMillis)
		}},
		{key: "set_aside", meaning: "whether it waits for a node to host its namespace and accept actors",
			header: "SET ASIDE", cell: func(r *api.AlarmRow) string {
				if r.SetAside {
					return "yes"
				}
				return "-"
			}},
		{key: "repeats", meaning: "when it runs again: every period, or a cron expression; empty if it does not",
			header: "REPEATS", cell: func(r *api.AlarmRow) string { return dash(r.Repeats) }},
		{key: "attempts", meaning: "how often it has failed since it was due", header: "ATTEMPTS",
			cell: func(r *api.AlarmRow) string { return strconv.Itoa(r.Attempts) }},
		{key: "tries", meaning: "how often a run has failed since it was due, whatever the reason",
			header: "TRIES", wide: true, cell: func(r *api.AlarmRow) string { return strconv.Itoa(r.Tries) }},
		{key: "error", meaning: "message of the last failure since it was due, empty if there was none",
			header: "ERROR", wide: true, cell: func(r *api.AlarmRow) string { return dash(r.Error) }},
		{key: "request_bytes", meaning: "size of the encoded request", header: "BYTES", wide: true,
			cell: func(r *api.AlarmRow) string { return strconv.Itoa(r.RequestBytes) }},
	},
}

// oneAlarmListing is for a single alarm.
var oneAlarmListing = listing[api.AlarmRow]{name: alarmListing.name, tall: true, fields: alarmListing.fields}

func (k *kelpie) alarmList() *cobra.Command {
	var req api.AlarmsRequest
	return listCommand[api.AlarmRow]{
		use:   "ls",
		short: "List alarms",
		long: `List the alarms that are set, in order of actor and name. Listing them does not
activate their actors. The list is printed page by page as it is read: an alarm
that runs meanwhile may be shown as it was before or after.`,
		example: `  kelpie alarms ls --namespace cart
  kelpie alarms ls --overdue -o wide
  kelpie alarms ls --actor cart/alice`,
		args: cli.Args(),
		flags: func(cmd *cobra.Command) {
			registerOwner(cmd, &req.Namespace, &req.Actor, &req.Prefix)
			cmd.Flags().BoolVar(&req.Overdue, "overdue", false, "only alarms that are due and have not run yet, or "+
				"have failed")
		},
		listing: alarmListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.AlarmRow) error) error {
			if err := validateOwner(req.Namespace, req.Actor, req.Prefix); err != nil {
				return err
			}
			return eachAlarmPage(ctx, s, req, emit)
		},
	}.command(k)
}

// registerOwner makes the flags that select whose alarms or messages are listed.
func registerOwner(cmd *cobra.Command, namespace, actor, prefix *string) {
	cmd.Flags().StringVar(namespace, "namespace", "", "only of actors of this namespace")
	cmd.Flags().StringVar(actor, "actor", "", "only of this actor")
	cmd.Flags().StringVar(prefix, "prefix", "", "only of actors whose ids begin with this; with --namespace, only "+
		"these are read")
}

func validateOwner(namespace, actor, prefix string) error {
	switch {
	case actor != "" && namespace != "":
		return api.Errorf(api.CodeInvalidArgument, "pass either --actor or --namespace, not both")
	case actor != "" && prefix != "":
		return api.Errorf(api.CodeInvalidArgument, "pass either --actor or --prefix, not both")
	case actor != "":
		_, err := api.ParseActorID(actor)
		return err
	case namespace != "":
		return api.ValidateNamespace(namespace)
	}
	return nil
}

// eachAlarmPage gives the alarms that req selects to emit, as many as the session wants.
func eachAlarmPage(ctx context.Context, s *session, req api.AlarmsRequest, emit func([]api.AlarmRow) error) error {
	return eachPage(s.limit, emit, func(limit int) ([]api.AlarmRow, bool, error) {
		req.Limit = limit
		reply, err := ask[api.AlarmsRequest, api.AlarmsReply](ctx, s, api.MethodAlarms, &req)
		if err != nil {
			return nil, false, err
		}
		req.After, req.AfterAlarm = reply.Next, reply.NextAlarm
		return reply.Alarms, reply.Next != "", nil
	})
}

func (k *kelpie) alarmGet() *cobra.Command {
	return listCommand[api.AlarmRow]{
		use:     "get ACTOR NAME",
		short:   "Show an alarm",
		long:    "Show an alarm. Looking at it does not activate its actor.",
		example: "  kelpie alarms get cart/alice remind",
		args:    cli.Args("ACTOR", "NAME"),
		listing: oneAlarmListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]api.AlarmRow) error) error {
			row, err := alarmNamed(ctx, s, args[0], args[1])
			if err != nil {
				return err
			}
			return emit([]api.AlarmRow{*row})
		},
	}.command(k)
}

// alarmNamed returns an alarm. One that is not set is CodeNotFound.
func alarmNamed(ctx context.Context, s *session, actor, name string) (*api.AlarmRow, error) {
	if _, err := api.ParseActorID(actor); err != nil {
		return nil, err
	}
	reply, err := ask[api.AlarmsRequest, api.AlarmsReply](ctx, s, api.MethodAlarms,
		&api.AlarmsRequest{Actor: actor, Alarm: name})
	switch {
	case err != nil:
		return nil, err
	case len(reply.Alarms) > 0:
		return &reply.Alarms[0], nil
	}
	if err := absent(wantCalled(ctx, s, actor)); err != nil {
		return nil, err
	}
	return nil, api.Errorf(api.CodeNotFound, "actor %s has no alarm %q: see 'kelpie alarms ls --actor %s'", actor,
		name, actor)
}

func (k *kelpie) alarmCancel() *cobra.Command {
	var c connection
	var yes bool
	cmd := &cobra.Command{
		Use:   "cancel ACTOR NAME",
		Short: "Cancel an alarm",
		Long: `Cancel an alarm for good, also one that repeats. Its actor does that between two
calls: a run that has begun goes on, and if it sets the alarm again, that is
set.`,
		Example: "  kelpie alarms cancel cart/alice remind",
		Args:    cli.Args("ACTOR", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := api.ParseActorID(args[0]); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			_, err = alarmNamed(cmd.Context(), s, args[0], args[1])
			if err := absent(err); err != nil {
				return err
			}
			if err := k.confirm(yes, fmt.Sprintf("Cancel alarm %q of actor %s?", args[1], args[0])); err != nil {
				return err
			}
			if _, err := order[api.AlarmRequest, api.AlarmReply](cmd.Context(), s, api.MethodAlarmCancel,
				&api.AlarmRequest{Actor: args[0], Alarm: args[1]}); err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "alarm %q of actor %s cancelled\n", args[1], args[0])
			return err
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	return cmd
}

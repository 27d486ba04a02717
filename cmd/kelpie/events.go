// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// eventsInterval is how often new events are asked for.
const eventsInterval = time.Second

// eventKinds are those there are, with what they mean.
var eventKinds = []struct{ kind, meaning string }{
	{api.EventJoined, "a node joined, or rejoined under a new incarnation"},
	{api.EventLeft, "a node gave up its lease"},
	{api.EventFailed, "a node was fenced"},
	{api.EventDraining, "a node stopped accepting actors"},
	{api.EventUndrained, "a node accepts actors again"},
	{api.EventLeaseLost, "a node found that it was fenced, and dropped its actors"},
	{api.EventLeaseBroken, "an operator broke a node's lease"},
	{api.EventClaimBroken, "an operator took an actor from its owner"},
	{api.EventTakenOver, "actors without a live owner were claimed"},
	{api.EventMigrated, "actors moved"},
	{api.EventMoveFailed, "actors were to move, and stayed"},
	{api.EventJobBegan, "a drain, rebalance or bulk move began"},
	{api.EventJobEnded, "such a job ended"},
	{api.EventStuck, "a handler did not return"},
	{api.EventAbandoned, "a node abandoned an activation because of that"},
	{api.EventCrashed, "actors could not be activated: their state or their hook failed"},
	{api.EventDeadLetter, "alarms or messages became dead letters"},
	{api.EventClockStepped, "a node's wall clock was set, or its machine slept"},
	{api.EventUnreachable, "a node can't be reached from another, and its heartbeats go on"},
	{api.EventReachable, "a node can be reached again"},
	{api.EventStoreLost, "a node lost contact with the store"},
	{api.EventStoreBack, "a node reaches the store again"},
	{api.EventQuarantined, "an actor ended the process of a node, and is refused from then on"},
	{api.EventAlarmFailed, "alarms failed for the first time since they were due"},
	{api.EventSendFailed, "messages failed, or could not be delivered, for the first time"},
	{api.EventAcquitted, "findings against an actor were withdrawn"},
}

var eventListing = listing[api.Event]{
	name: func(e *api.Event) string { return e.By + "#" + strconv.FormatUint(e.Number, 10) },
	fields: []field[api.Event]{
		{key: "time", meaning: "when, by the clock of the node that reports it", header: "TIME",
			cell: func(e *api.Event) string { return e.Time }},
		{key: "by", meaning: "the node that reports it", header: "BY", wide: true, cell: func(e *api.Event) string {
			return e.By
		}},
		{key: "number", meaning: "its number among that node's events", header: "NUMBER", wide: true,
			cell: func(e *api.Event) string { return count(e.Number) }},
		{key: "kind", meaning: "what happened", header: "KIND", cell: func(e *api.Event) string { return e.Kind }},
		{key: "node", meaning: "the node that it happened to", header: "NODE", cell: func(e *api.Event) string {
			return dash(e.Node)
		}},
		{key: "actor", meaning: "the actor that it happened to, or one of them", header: "ACTORS", cell: eventActors},
		{key: "incarnation", meaning: "the node's incarnation, if the event is about that",
			header: "INCARNATION", wide: true,
			cell: func(e *api.Event) string { return dash(e.Incarnation) }},
		{key: "count", meaning: "number of actors that it happened to, 0 if it is about a node",
			cell: func(e *api.Event) string { return strconv.Itoa(e.Count) }},
		{key: "from", meaning: "the node that actors left", header: "FROM", cell: func(e *api.Event) string {
			return dash(e.From)
		}},
		{key: "to", meaning: "the node that actors went to", header: "TO", cell: func(e *api.Event) string {
			return dash(e.To)
		}},
		{key: "cause", meaning: "the reason, in words", header: "CAUSE", cell: func(e *api.Event) string {
			return dash(e.Cause)
		}},
	},
}

// eventActors says which actors an event is about.
func eventActors(e *api.Event) string {
	switch {
	case e.Count > 1 && e.Actor != "":
		return fmt.Sprintf("%d, including %s", e.Count, e.Actor)
	case e.Count > 1 || e.Actor == "" && e.Count > 0:
		return counted(e.Count, "actor")
	}
	return dash(e.Actor)
}

// eventFlags are those of "events".
type eventFlags struct {
	limit int
	kinds []string
	node  string
	actor string
}

func (f *eventFlags) register(cmd *cobra.Command, o *output) {
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "print new events as they come, until interrupted; -o "+
		"json then prints one per line")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "maximum number of past events to list, the newest; 0 for no limit")
	cmd.Flags().StringSliceVar(&f.kinds, "kind", nil, "only events of these kinds")
	cmd.Flags().StringVar(&f.node, "node", "", "only events about this node, or that moved actors from or to it")
	cmd.Flags().StringVar(&f.actor, "actor", "", "only events about this actor; an event about many actors names "+
		"one of them, so it may be missing")
	var kinds []cobra.Completion
	for _, k := range eventKinds {
		kinds = append(kinds, cobra.CompletionWithDesc(k.kind, k.meaning))
	}
	must(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)))
}

func (f *eventFlags) validate() error {
	if f.limit < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", f.limit)
	}
	for _, kind := range f.kinds {
		var names []string
		for _, k := range eventKinds {
			names = append(names, k.kind)
		}
		if !slices.Contains(names, kind) {
			return api.Errorf(api.CodeInvalidArgument, "--kind %s: must be one of %s", kind, strings.Join(names, ", "))
		}
	}
	if f.node != "" {
		if err := api.ValidateNodeID(f.node); err != nil {
			return err
		}
	}
	if f.actor != "" {
		_, err := api.ParseActorID(f.actor)
		return err
	}
	return nil
}

func (f *eventFlags) wants(e *api.Event) bool {
	return (len(f.kinds) == 0 || slices.Contains(f.kinds, e.Kind)) &&
		(f.node == "" || e.Node == f.node || e.From == f.node || e.To == f.node) &&
		(f.actor == "" || e.Actor == f.actor)
}

func (k *kelpie) events() *cobra.Command {
	var c connection
	var o output
	var f eventFlags
	var kinds strings.Builder
	for _, kind := range eventKinds {
		fmt.Fprintf(&kinds, "\n  %-13s %s", kind.kind, kind.meaning)
	}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened to nodes and actors, and why",
		Long: `Show what happened to nodes and actors, the oldest event first. Every node
remembers the last thousand events that it knows of, in memory. What only a dead
node knew is lost. An event may be about many actors at once. Times are from the
nodes' own clocks. Kinds of events:
` + kinds.String() + "\n\n" + eventListing.help(),
		Example: "  kelpie events --watch\n  kelpie events --kind failed,taken_over -o json\n  kelpie events --node " +
			"node-7601 --limit 20",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			l := &eventLog{session: s, flags: &f, told: make(map[string]bool), stderr: k.Stderr}
			if o.watch {
				ticks := time.NewTicker(eventsInterval)
				defer ticks.Stop()
				return k.followEvents(cmd.Context(), l, &o, ticks.C)
			}
			p := newPrinter(k.Stdout, o.format, k.style(&o), eventListing, false)
			page, err := l.next(cmd.Context())
			if err == nil && len(page) > 0 {
				err = p.rows(page)
			}
			if err != nil {
				return err
			}
			return p.end()
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	f.register(cmd, &o)
	return cmd
}

// eventLog gets events once each.
type eventLog struct {
	session *session
	flags   *eventFlags
	after   map[string]uint64
	silent  []string
	// told are the changes of nodes that were printed: several nodes tell of each, and not at the same time.
	told   map[string]bool
	stderr io.Writer
}

// next returns the events that are wanted and were not returned before.
func (l *eventLog) next(ctx context.Context) ([]api.Event, error) {
	first := l.after == nil
	reply, err := ask[api.EventsRequest, api.EventsReply](ctx, l.session, api.MethodEvents,
		&api.EventsRequest{After: l.after})
	if err != nil {
		return nil, err
	}
	l.after = reply.After
	if !slices.Equal(reply.Silent, l.silent) && len(reply.Silent) > 0 {
		fmt.Fprintf(l.stderr, "warning: these nodes do not answer, so events that only they know are missing: %s\n",
			strings.Join(reply.Silent, ", "))
	}
	l.silent = reply.Silent
	var out []api.Event
	for _, e := range reply.Events {
		if l.flags.wants(&e) && !l.known(&e) {
			out = append(out, e)
		}
	}
	if limit := l.flags.limit; first && limit > 0 && len(out) > limit {
		out = out[len(out)-limit:]
	}
	return out, nil
}

// known reports whether a change of a node was told before, which happens once to an incarnation.
func (l *eventLog) known(e *api.Event) bool {
	if e.Kind != api.EventJoined && e.Kind != api.EventFailed && e.Kind != api.EventLeft {
		return false
	}
	key := e.Kind + " " + e.Node + " " + e.Incarnation
	known := l.told[key]
	l.told[key] = true
	return known
}

// followEvents prints events as they come, until a signal asks to stop, or nobody has answered for as long as
// --timeout says.
func (k *kelpie) followEvents(ctx context.Context, l *eventLog, o *output, ticks <-chan time.Time) error {
	p := newPrinter(k.Stdout, o.lookFormat(), k.style(o), eventListing, false)
	return k.lookOn(ticks, k.patience(l.session.timeout), func() error {
		page, err := l.next(ctx)
		if err == nil && len(page) > 0 {
			err = p.rows(page)
		}
		return err
	})
}

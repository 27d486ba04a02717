// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/eventlog"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/registry"
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
	{api.EventEventsLost, "a node dropped events before it could store them"},
	{api.EventCorrupt, "an event can't be read from the store"},
}

var eventListing = listing[api.Event]{
	name: func(e *api.Event) string { return e.By + "#" + strconv.FormatUint(e.Number, 10) },
	fields: []field[api.Event]{
		{key: "time", meaning: "when, by the clock of the node that reports it, empty if that can't be read",
			header: "TIME", cell: func(e *api.Event) string { return dash(e.Time) }},
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
		return human.Counted(e.Count, "actor")
	}
	return dash(e.Actor)
}

// eventFlags are those of "events".
type eventFlags struct {
	limit int
	kinds []string
	node  string
	actor string
	store storeFlags
	// since is the flag, and from what it means: the zero time without it.
	since string
	from  time.Time
}

func (f *eventFlags) register(cmd *cobra.Command, o *output) {
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "print new events as they come, until interrupted; -o "+
		"json then prints one per line")
	cmd.Flags().StringVar(&f.since, "since", "", "only events since then: a duration before now, such as 90m, 2h or "+
		"3d, or a time in UTC, such as 2026-01-31, 2026-01-31T22:00 or one in RFC 3339")
	f.store.register(cmd)
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

// validate checks the flags. --since counts back from now.
func (f *eventFlags) validate(now time.Time) (err error) {
	if f.from, err = parseSince(f.since, now); err != nil {
		return err
	}
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

// parseSince returns the time that --since means, the zero time for "".
func parseSince(since string, now time.Time) (time.Time, error) {
	if since == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, since); err == nil {
			return at, nil
		}
	}
	ago, err := time.ParseDuration(since)
	if days, isDays := strings.CutSuffix(since, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return time.Time{}, api.Errorf(api.CodeInvalidArgument, "--since %s: must be a duration before now, such as "+
			"2h or 3d, or a time, such as 2026-01-31T22:00", since)
	}
	return now.Add(-ago), nil
}

// recent reports whether an event has happened since the time asked for, or when is not known.
func (f *eventFlags) recent(e *api.Event) bool {
	at, err := time.Parse(time.RFC3339, e.Time)
	return err != nil || !at.Before(f.from)
}

func (f *eventFlags) wants(e *api.Event) bool {
	return f.recent(e) && (len(f.kinds) == 0 || slices.Contains(f.kinds, e.Kind)) &&
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
remembers the last thousand events that it knows of, and stores them every few
seconds and before it stops, so that they are still known when it is restarted
or gone. The store keeps the last thousand of each node, for a week. An event
may be about many actors at once. Times are from the nodes' own clocks. With
--store, only what is stored is shown, and no node need be up. Kinds of events:
` + kinds.String() + "\n\n" + eventListing.help(),
		Example: "  kelpie events --since 2h\n  kelpie events --watch\n" +
			"  kelpie events --kind failed,taken_over -o json\n  kelpie events --node node-7601 --limit 20\n" +
			"  kelpie events --store pebble:/var/lib/kelpie",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(time.Now()); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			l := &eventLog{session: s, flags: &f, told: make(map[string]bool), stderr: k.Stderr}
			if o.watch {
				if f.store.url != "" {
					return api.Errorf(api.CodeInvalidArgument, "--watch asks nodes for new events: leave --store out")
				}
				ticks := time.NewTicker(eventsInterval)
				defer ticks.Stop()
				return k.followEvents(cmd.Context(), l, &o, ticks.C)
			}
			p := newPrinter(k.Stdout, o.format, k.style(&o), eventListing, false)
			page, err := l.page(cmd.Context())
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

// page returns the events that are wanted of those that have happened until now.
func (l *eventLog) page(ctx context.Context) ([]api.Event, error) {
	if l.flags.store.url == "" {
		return l.next(ctx)
	}
	stored, err := l.storedIn(ctx, l.flags.store.url)
	if err != nil {
		return nil, err
	}
	return l.latest(l.wanted(eventlog.Merge(stored))), nil
}

// next returns the events that are wanted and were not returned before: at first also those that are stored.
func (l *eventLog) next(ctx context.Context) ([]api.Event, error) {
	first := l.after == nil
	reply, err := ask[api.EventsRequest, api.EventsReply](ctx, l.session, api.MethodEvents,
		&api.EventsRequest{After: l.after})
	if err != nil {
		return nil, err
	}
	l.after = reply.After
	if !slices.Equal(reply.Silent, l.silent) && len(reply.Silent) > 0 {
		fmt.Fprintf(l.stderr, "warning: these nodes do not answer, so events that they have not stored yet are "+
			"missing: %s\n", strings.Join(reply.Silent, ", "))
	}
	l.silent = reply.Silent
	if !first {
		return l.wanted(reply.Events), nil
	}
	stored, err := l.stored(ctx)
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		fmt.Fprintf(l.stderr, "warning: stored events can't be read, so those of nodes that are gone, and of others "+
			"before they were started, are missing: %s\n", cli.OneLine(cli.Message(err)))
	}
	return l.latest(l.wanted(eventlog.Merge(append(reply.Events, stored...)))), nil
}

// wanted returns those of events that are, and notes that they are told.
func (l *eventLog) wanted(events []api.Event) (out []api.Event) {
	for _, e := range events {
		if l.flags.wants(&e) && !l.known(&e) {
			out = append(out, e)
		}
	}
	return out
}

// latest returns as many as --limit says.
func (l *eventLog) latest(events []api.Event) []api.Event {
	if limit := l.flags.limit; limit > 0 && len(events) > limit {
		return events[len(events)-limit:]
	}
	return events
}

// stored asks a node for what nodes have stored. What it returns with an error is a part of that.
func (l *eventLog) stored(ctx context.Context) (all []api.Event, err error) {
	req := &api.StoredEventsRequest{}
	if !l.flags.from.IsZero() {
		req.SinceMillis = l.flags.from.UnixMilli()
	}
	for {
		reply, err := ask[api.StoredEventsRequest, api.StoredEventsReply](ctx, l.session, api.MethodStoredEvents, req)
		if err != nil {
			return all, err
		}
		if all = append(all, reply.Events...); reply.Next == nil {
			return all, nil
		}
		req.After = reply.Next
	}
}

// storedIn reads what nodes have stored in a store that this process opens.
func (l *eventLog) storedIn(ctx context.Context, url string) (all []api.Event, err error) {
	store, err := host.OpenStoreToRead(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, l.session.timeout)
	defer cancel()
	r := registry.New(l.session.env, store)
	for after := []byte(nil); ; {
		page, err := r.Events(ctx, l.flags.from, after)
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Events...); page.Next == nil {
			return all, nil
		}
		after = page.Next
	}
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

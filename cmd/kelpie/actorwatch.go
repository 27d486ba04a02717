// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// watchedMax is how many actors are watched: what each was is in memory.
	watchedMax = 100_000
	// watchIntervalMin keeps a mistyped flag from flooding the nodes.
	watchIntervalMin = 50 * time.Millisecond
)

// actorChange is a row of "actors watch": how an actor is now, and was before.
type actorChange struct {
	// At is when it was seen, by the clock of who looks, RFC 3339.
	At string `json:"at"`
	api.ActorRow
	BeforeNode  string `json:"before_node"`
	BeforeState string `json:"before_state"`
}

var actorChangeListing = listing[actorChange]{
	name: func(c *actorChange) string { return c.Actor },
	fields: slices.Concat(
		[]field[actorChange]{
			{key: "at", meaning: "when the change was seen, by the clock of this machine", header: "AT",
				cell: func(c *actorChange) string { return c.At }}},
		lift(actorListing, func(c *actorChange) *api.ActorRow { return &c.ActorRow }),
		[]field[actorChange]{
			{key: "before_node", meaning: "the owner before, empty if there was none", header: "BEFORE",
				cell: func(c *actorChange) string { return dash(c.BeforeNode) }},
			{key: "before_state", meaning: "the state before, unknown if it was not seen", header: "WAS",
				cell: func(c *actorChange) string { return c.BeforeState }},
		},
	),
}

func (k *kelpie) actorWatch() *cobra.Command {
	var c connection
	var o output
	var f actorFilter
	interval := watchInterval
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print changes of actors' owners and states",
		Long: `Poll the actors, and print those whose owner or state has changed, until
interrupted. A change that is undone between two polls is not seen. At most
100,000 actors are watched; use filters to choose. -o json prints one object per
line for each change, as it is seen.

` + actorChangeListing.help(),
		Example: "  kelpie actors watch --namespace counter\n  kelpie actors watch --node node-7600 -o json\n  " +
			"kelpie actors watch --prefix eu- --interval 500ms",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			if interval < watchIntervalMin {
				return api.Errorf(api.CodeInvalidArgument, "--interval %v: must be at least %v", interval,
					watchIntervalMin)
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			o.watch = true
			ticks := time.NewTicker(interval)
			defer ticks.Stop()
			return k.watchActors(cmd.Context(), s, &f, &o, ticks.C)
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	f.register(cmd)
	cmd.Flags().DurationVar(&interval, "interval", interval, "time between two polls")
	return cmd
}

// watchActors prints changes at every tick, until a signal asks to stop, or nobody has answered for as long as
// --timeout says.
func (k *kelpie) watchActors(ctx context.Context, s *session, f *actorFilter, o *output, ticks <-chan time.Time) error {
	w := actorWatcher{filter: f, session: s, clock: s.env.Now}
	p := newPrinter(k.Stdout, o.lookFormat(), k.style(o), actorChangeListing, false)
	return k.lookOn(ticks, k.patience(s.timeout), func() error {
		first := w.seen == nil
		var changes []actorChange
		err := w.look(ctx, func(c actorChange) { changes = append(changes, c) })
		if err == nil && first {
			human.Fprintf(k.Stderr, "watching %s\n", human.Counted(len(w.seen), "actor"))
		}
		if err == nil && len(changes) > 0 {
			err = p.rows(changes)
		}
		return err
	})
}

// actorWatcher knows how actors were when it last looked.
type actorWatcher struct {
	filter  *actorFilter
	session *session
	clock   func() time.Time
	seen    map[string]api.ActorRow
}

// look looks at the actors, and tells of those that are not as they were, in order of name.
func (w *actorWatcher) look(ctx context.Context, tell func(actorChange)) error {
	first, at := w.seen == nil, w.clock()
	now := make(map[string]api.ActorRow, len(w.seen))
	var changes []actorChange
	err := eachActorPage(ctx, w.session, w.filter.ActorsRequest, func(page []api.ActorRow) error {
		for _, row := range page {
			if len(now) == watchedMax {
				return cli.Advise(api.Errorf(api.CodeFailedPrecondition, "more than %d actors match, too many "+
					"to watch", watchedMax), "choose some with --namespace, --node, --state or --prefix")
			}
			now[row.Actor] = row
			if before, ok := w.seen[row.Actor]; !ok || changed(before, row) {
				changes = append(changes, change(at, before, row))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for actor, before := range w.seen {
		if _, still := now[actor]; still {
			continue
		}
		row, err := ask[api.ActorGetRequest, api.ActorRow](ctx, w.session, api.MethodActorGet,
			&api.ActorGetRequest{Actor: actor})
		if err != nil {
			return err
		}
		changes = append(changes, change(at, before, *row)) // to what is not looked at
	}
	w.seen = now
	if first {
		return nil
	}
	slices.SortFunc(changes, func(a, b actorChange) int { return cmp.Compare(a.Actor, b.Actor) })
	for _, c := range changes {
		tell(c)
	}
	return nil
}

// changed reports whether an actor has another owner, has been claimed again, or is in another state.
func changed(before, now api.ActorRow) bool {
	return before.Node != now.Node || before.Token != now.Token || before.State != now.State
}

func change(at time.Time, before, now api.ActorRow) actorChange {
	return actorChange{
		At: at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), ActorRow: now,
		BeforeNode: before.Node, BeforeState: cmp.Or(before.State, api.ActorUnknown),
	}
}

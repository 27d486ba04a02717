// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package eventlog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// repeatMax bounds how far apart nodes tell of the same.
const repeatMax = time.Minute

// Merge puts what several nodes tell in order, and drops what is there twice and what another one tells better: with a
// cause, or sooner. Of an event that is there twice the first is kept. The order is that of the times, as far as it
// does not contradict the order in which a node tells: its clock may have been set back. It changes events.
func Merge(events []api.Event) []api.Event { return better(inOrder(events)) }

// inOrder sorts events, and drops those that are there twice.
func inOrder(events []api.Event) []api.Event {
	slices.SortStableFunc(events, func(a, b api.Event) int {
		return cmp.Or(strings.Compare(a.By, b.By), cmp.Compare(a.Number, b.Number))
	})
	events = slices.CompactFunc(events, func(a, b api.Event) bool { return a.By == b.By && a.Number == b.Number })
	type placed struct {
		at string // the latest time of the node until then
		e  api.Event
	}
	all := make([]placed, len(events))
	for i, e := range events {
		all[i] = placed{e.Time, e}
		if i > 0 && events[i-1].By == e.By {
			all[i].at = max(all[i-1].at, e.Time)
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(strings.Compare(a.at, b.at), strings.Compare(a.e.By, b.e.By), cmp.Compare(a.e.Number, b.e.Number))
	})
	for i := range all {
		events[i] = all[i].e
	}
	return events
}

// better drops what another node tells better.
func better(events []api.Event) []api.Event {
	type subject struct{ kind, node, incarnation string }
	best := make(map[subject]int) // the place of the one that is kept
	out := events[:0:0]
	for _, e := range events {
		s := subject{e.Kind, e.Node, e.Incarnation}
		if e.Count > 0 || e.Actor != "" || e.Incarnation == "" {
			out = append(out, e)
			continue
		}
		at, told := best[s]
		switch {
		case !told || repeats(e.Kind) && (out[at].By == e.By || apart(out[at].Time, e.Time) > repeatMax):
			best[s] = len(out)
			out = append(out, e)
		case out[at].Cause == "" && e.Cause != "":
			e.Time = out[at].Time
			out[at] = e
		}
	}
	return out
}

// repeats reports whether an event can happen more than once to one incarnation of a node.
func repeats(kind string) bool {
	return kind == api.EventDraining || kind == api.EventUndrained || kind == api.EventLeaseBroken
}

// apart is the time between two times, 0 if one is none.
func apart(a, b string) time.Duration {
	from, err := time.Parse(time.RFC3339, a)
	to, err2 := time.Parse(time.RFC3339, b)
	if err != nil || err2 != nil {
		return 0
	}
	return to.Sub(from).Abs()
}

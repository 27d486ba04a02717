// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
)

// eventsRepeatMax bounds how far apart nodes tell of the same.
const eventsRepeatMax = time.Minute

// AdminEvents tells what has happened, to the node or to all members.
func (adm *Service) ServeEvents(ctx context.Context, in *api.EventsRequest) (*api.EventsReply, error) {
	adm.Events.Flush(adm.Env.Now())
	reply := &api.EventsReply{Events: adm.Events.After(in.After[adm.NodeID], in.Limit),
		After: make(map[string]uint64), Silent: []string{}}
	for node, number := range in.After { //kelpie:unordered into a map
		reply.After[node] = number
	}
	if !in.Here {
		here := *in
		here.Here = true
		for _, a := range membership.AskMembers[api.EventsRequest, api.EventsReply](ctx, adm.Peers, api.MethodEvents,
			&here) {
			if a.Err != nil {
				reply.Silent = append(reply.Silent, a.Node.ID)
				continue
			}
			reply.Events = append(reply.Events, a.Reply.Events...)
		}
	}
	for _, e := range reply.Events {
		reply.After[e.By] = max(reply.After[e.By], e.Number)
	}
	reply.Events = mergeEvents(reply.Events)
	return reply, nil
}

// mergeEvents puts what several nodes tell in order, and drops what another one tells better: with a cause, or sooner.
func mergeEvents(events []api.Event) []api.Event {
	slices.SortStableFunc(events, func(a, b api.Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.By, b.By), cmp.Compare(a.Number, b.Number))
	})
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
		case !told || repeats(e.Kind) && (out[at].By == e.By || apart(out[at].Time, e.Time) > eventsRepeatMax):
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

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/internal/eventlog"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
)

// ServeEvents tells what has happened, to the node or to all members.
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
	reply.Events = eventlog.Merge(reply.Events)
	return reply, nil
}

// ServeStoredEvents lists a page of the events that nodes have stored, of members and others.
func (adm *Service) ServeStoredEvents(ctx context.Context, in *api.StoredEventsRequest) (*api.StoredEventsReply,
	error) {
	var since time.Time
	if in.SinceMillis != 0 {
		since = time.UnixMilli(in.SinceMillis)
	}
	page, err := adm.Registry.Events(ctx, since, in.After)
	if err != nil {
		return nil, call.WireError(err)
	}
	return &api.StoredEventsReply{Events: page.Events, Next: page.Next}, nil
}

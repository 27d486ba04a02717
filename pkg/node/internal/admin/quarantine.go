// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// ServeQuarantines lists a page of quarantined actors.
func (adm *Service) ServeQuarantines(ctx context.Context, in *api.QuarantinesRequest) (*api.QuarantinesReply, error) {
	var after api.ActorID
	if in.After != "" {
		var err error
		if after, err = api.ParseActorID(in.After); err != nil {
			return nil, err
		}
	}
	all, more, err := adm.Registry.Quarantines(ctx, in.Namespace, after, in.Limit)
	if err != nil {
		return nil, call.WireError(err)
	}
	out := &api.QuarantinesReply{Quarantines: []api.QuarantineRow{}}
	for i := range all {
		if all[i].Refused() { // others are only suspected
			out.Quarantines = append(out.Quarantines, quarantineRow(&all[i]))
		}
	}
	if more && len(all) > 0 {
		out.Next = all[len(all)-1].Actor.String()
	}
	return out, nil
}

func quarantineRow(q *registry.Quarantine) api.QuarantineRow {
	if q.Damaged != "" {
		return api.QuarantineRow{Actor: q.Actor.String(), Versions: []string{}, Reason: q.Damaged +
			"; clear it to have the actor run again"}
	}
	last := q.Findings[len(q.Findings)-1]
	since := q.Since
	if since.IsZero() {
		since = last.Found
	}
	return api.QuarantineRow{
		Actor: q.Actor.String(), Node: last.Node, Method: last.Method, Nodes: len(q.Findings), Versions: q.Versions,
		Since: telemetry.RFC3339(since), Reason: q.Err().Message,
	}
}

// ServeQuarantineClear lets a quarantined actor run again.
func (adm *Service) ServeQuarantineClear(ctx context.Context, in *api.QuarantineRequest) (*api.QuarantineReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	cleared, err := adm.Registry.ClearQuarantine(ctx, id)
	if err != nil {
		return nil, call.WireError(err)
	}
	if !cleared {
		return nil, api.Errorf(api.CodeNotFound, "actor %s is not quarantined: see 'kelpie actors quarantine ls'", id)
	}
	adm.Log.Info("quarantine cleared by an operator", "actor", in.Actor)
	adm.Happened(api.Event{Kind: api.EventAcquitted, Node: adm.NodeID, Actor: in.Actor, Count: 1,
		Cause: "by an operator"})
	return &api.QuarantineReply{Actor: in.Actor}, nil
}

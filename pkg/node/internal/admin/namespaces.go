// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"math"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// ServeNamespaces lists the namespaces with their settings, and the nodes that host them.
func (adm *Service) ServeNamespaces(ctx context.Context, _ *api.Empty) (*api.NamespacesReply, error) {
	view, err := adm.Registry.View(ctx)
	if err != nil {
		return nil, call.WireError(err)
	}
	out := &api.NamespacesReply{Namespaces: make([]api.NamespaceRow, 0, len(view.Namespaces))}
	waits := false
	for _, ns := range view.Namespaces {
		out.Namespaces = append(out.Namespaces, namespaceRow(ns, view))
		waits = waits || !view.Takes(ns.Name)
	}
	if waits {
		adm.countSetAside(ctx, out.Namespaces)
	}
	return out, nil
}

// countSetAside fills in what members have set aside. One that does not answer knows of some that then is not counted.
func (adm *Service) countSetAside(ctx context.Context, rows []api.NamespaceRow) {
	known := []map[string]int64{adm.SetAside()}
	for _, a := range membership.AskMembers[api.StatsRequest, api.NodeStats](ctx, adm.Peers, api.MethodStats,
		&api.StatsRequest{}) {
		if a.Err == nil {
			known = append(known, a.Reply.SetAside)
		}
	}
	for i := range rows {
		for _, counts := range known {
			rows[i].SetAside += counts[rows[i].Namespace]
		}
	}
}

func namespaceRow(ns registry.Namespace, view *registry.View) api.NamespaceRow {
	return api.NamespaceRow{
		Namespace: ns.Name, Placement: string(ns.Placement), Prefer: ns.Prefer, Fallback: string(ns.Fallback),
		Consistency:       ns.Consistency,
		IdleTimeoutMillis: ns.IdleTimeout.Milliseconds(), Nodes: view.Hosts(ns.Name),
	}
}

// ServeNamespaceSet changes the settings of a namespace, or with DryRun says how they would change.
func (adm *Service) ServeNamespaceSet(ctx context.Context, in *api.NamespaceSetRequest) (*api.NamespaceSetReply,
	error) {
	patch, err := namespacePatch(in)
	if err != nil {
		return nil, err
	}
	before, after, err := adm.Registry.SetNamespace(ctx, in.Namespace, patch, in.DryRun)
	if err != nil {
		return nil, call.WireError(err)
	}
	if before != after && !in.DryRun {
		adm.Log.Info("settings of a namespace changed by an operator", "namespace", in.Namespace, "placement",
			after.Placement,
			"prefer", after.Prefer, "fallback", after.Fallback, "idle_timeout", after.IdleTimeout, "consistency",
			after.Consistency)
		if err := adm.Members.Refresh(ctx); err != nil { // it comes with the next heartbeat
			adm.Log.Debug("view not refreshed", "error", err)
		}
	}
	view := adm.Members.Members()
	return &api.NamespaceSetReply{Before: namespaceRow(before, view), After: namespaceRow(after, view)}, nil
}

func namespacePatch(in *api.NamespaceSetRequest) (patch registry.NamespacePatch, err error) {
	if err := api.ValidateNamespace(in.Namespace); err != nil {
		return patch, err
	}
	patch.Prefer = in.Prefer
	if in.Consistency != nil {
		consistency := call.Clip(*in.Consistency)
		patch.Consistency = &consistency
	}
	if patch.Placement, err = parsePlacement(in.Placement); err != nil {
		return patch, err
	}
	if patch.Fallback, err = parsePlacement(in.Fallback); err != nil {
		return patch, err
	}
	if in.IdleTimeoutMillis != nil {
		idle := time.Duration(min(*in.IdleTimeoutMillis, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		patch.IdleTimeout = &idle
	}
	return patch, nil
}

// parsePlacement returns the strategy of a name, nil for none.
func parsePlacement(name *string) (*registry.Placement, error) {
	if name == nil {
		return nil, nil
	}
	p, err := registry.ParsePlacement(call.Clip(*name))
	return &p, err
}

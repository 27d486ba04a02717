// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// storeScanMax is the most pairs that a scan of the store returns at once.
	storeScanMax = 1000
	// actorPagesMax is how many pages of claims one request for a filtered listing reads: a short
	// page goes back rather than a late one.
	actorPagesMax = 20
)

// ServeNodes lists the nodes of the cluster, those that have left or failed too.
func (adm *Service) ServeNodes(ctx context.Context, _ *api.Empty) (*api.NodesReply, error) {
	leases, lost, err := adm.leases(ctx)
	if err != nil {
		return nil, call.WireError(err)
	}
	out := &api.NodesReply{Nodes: make([]api.NodeRow, 0, len(leases)), StoreLost: lost}
	from := registry.UnreachableFrom(leases)
	for _, l := range leases {
		row := adm.nodeRow(l)
		row.UnreachableFrom = append(row.UnreachableFrom, from[row.Node]...)
		out.Nodes = append(out.Nodes, row)
	}
	return out, nil
}

// leases returns the leases of all nodes. While the store is out of reach they are what the node knew before, with the
// loads that the nodes tell each other, and lost says so.
func (adm *Service) leases(ctx context.Context) (all []registry.LeaseInfo, lost string, err error) {
	all, err = adm.Registry.Leases(ctx)
	if !call.OutOfReach(err) {
		return all, "", err
	}
	adm.Loads.Learn(adm.NodeID, adm.Mailboxes.Load())
	for _, c := range adm.Loads.Candidates(adm.Members.Members().Nodes) {
		l := registry.LeaseInfo{Node: c.Node, Fence: registry.Fence{Epoch: c.Node.Epoch}}
		if c.Node.Member() {
			l.Fence.Incarnation, l.Beat.Load = c.Node.Incarnation, c.Load
		}
		all = append(all, l)
	}
	return all, call.WireError(err).Message, nil
}

func (adm *Service) nodeRow(l registry.LeaseInfo) api.NodeRow {
	row := api.NodeRow{
		Node: l.Node.ID, Address: l.Node.Address, State: adm.shownState(l), Epoch: l.Fence.Epoch,
		Incarnation: l.Fence.Incarnation.String(),
		Capacity:    l.Node.Capacity, Namespaces: l.Node.Namespaces, Version: l.Node.Version,
		Program: l.Node.Program,
		Started: telemetry.RFC3339(l.Node.Started),
		Zone:    l.Node.Zone, Labels: append([]string{}, l.Node.Labels...),
		UnreachableFrom: []string{},
	}
	if l.Fence.Incarnation != (registry.Incarnation{}) {
		row.Actors, row.Pending = l.Beat.Load.Activations, l.Beat.Load.Pending
	}
	return row
}

// ServeLeases lists the leases of the cluster, with their ages as this node sees them.
func (adm *Service) ServeLeases(ctx context.Context, _ *api.Empty) (*api.LeasesReply, error) {
	leases, err := adm.Registry.Leases(ctx)
	if err != nil {
		return nil, call.WireError(err)
	}
	ttl := adm.Members.Member().Meta.LeaseTTL
	out := &api.LeasesReply{Leases: make([]api.LeaseRow, 0, len(leases))}
	for _, l := range leases {
		row := api.LeaseRow{
			Node: l.Node.ID, Epoch: l.Fence.Epoch, State: adm.shownState(l), Incarnation: l.Fence.Incarnation.String(),
			Beat: l.Beat.Seq, Revocations: l.Fence.Revocations, AgeMillis: -1, TTLLeftMillis: -1,
		}
		if l.Fence.Incarnation != (registry.Incarnation{}) {
			row.Actors = l.Beat.Load.Activations
			if age, ok := adm.Members.Age(l.Node.ID); ok {
				row.AgeMillis, row.TTLLeftMillis = age.Milliseconds(), max(ttl-age, 0).Milliseconds()
			}
		}
		out.Leases = append(out.Leases, row)
	}
	return out, nil
}

// shownState is a node's state with this node's suspicion of it: "suspect" is a member whose beat is late. A node that
// can't reach the store sees no beats, and suspects no other for that.
func (adm *Service) shownState(l registry.LeaseInfo) string {
	meta := adm.Members.Member().Meta
	age, watched := adm.Members.Age(l.Node.ID)
	if l.Node.Member() && watched && adm.Contact.Err() == nil && age > 2*meta.Heartbeat {
		return "suspect"
	}
	return string(l.Node.State)
}

// ServeLeaseBreak breaks the lease of a node. Errors are CodeNotFound and those of the store.
func (adm *Service) ServeLeaseBreak(ctx context.Context, in *api.LeaseBreakRequest) (*api.LeaseBreakReply, error) {
	known, err := adm.Registry.ReadNode(ctx, in.Node)
	if err != nil {
		return nil, call.WireError(err)
	}
	if known.ID == "" {
		return nil, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", call.Clip(in.Node))
	}
	fence, err := adm.Registry.BreakLease(ctx, in.Node)
	if err != nil {
		return nil, call.WireError(err)
	}
	out := &api.LeaseBreakReply{Node: in.Node, Epoch: known.Epoch}
	if fence != nil {
		out.Broken, out.Epoch = true, fence.Epoch
		adm.Happened(api.Event{Kind: api.EventLeaseBroken, Node: in.Node, Incarnation: known.Incarnation.String(),
			Cause: "by an operator"})
		adm.Log.Info("lease broken by an operator", "lease_of", in.Node, "epoch", fence.Epoch)
	}
	return out, nil
}

// ServeClaimBreak takes an actor from its owner.
func (adm *Service) ServeClaimBreak(ctx context.Context, in *api.ClaimBreakRequest) (*api.ClaimBreakReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	broken, err := adm.Registry.BreakClaim(ctx, id)
	if err != nil {
		return nil, call.WireError(err)
	}
	if broken.Node != "" {
		adm.Log.Info("claim broken by an operator", "actor", in.Actor, "owner", broken.Node, "token", broken.Token)
		adm.Happened(api.Event{Kind: api.EventClaimBroken, Node: broken.Node, Actor: in.Actor, Count: 1,
			From: broken.Node, Cause: "by an operator"})
	}
	return &api.ClaimBreakReply{Broken: broken.Node != "", Actor: in.Actor, Node: broken.Node, Token: broken.Token}, nil
}

// ServeActors lists a page of actors, in order of namespace and id.
func (adm *Service) ServeActors(ctx context.Context, in *api.ActorsRequest) (*api.ActorsReply, error) {
	var after api.ActorID
	if in.After != "" {
		var err error
		if after, err = api.ParseActorID(in.After); err != nil {
			return nil, err
		}
	}
	out := &api.ActorsReply{Actors: []api.ActorRow{}}
	read := in.Limit // claims at a time
	if in.Node != "" || len(in.States) > 0 || in.Prefix != "" {
		read = 0 // of which few may be wanted
	}
	for range actorPagesMax {
		claims, more, err := adm.Registry.Claims(ctx, in.Namespace, in.Prefix, after, read)
		if err != nil {
			return nil, call.WireError(err)
		}
		for _, c := range claims {
			after = c.Actor
			if row := adm.actorRow(c); wanted(in, c.Actor, &row) {
				out.Actors = append(out.Actors, row)
			}
			if in.Limit > 0 && len(out.Actors) == in.Limit {
				out.Next = after.String()
				return out, nil
			}
		}
		if !more || len(claims) == 0 {
			return out, nil
		}
		if len(out.Actors) > 0 {
			break
		}
	}
	out.Next = after.String()
	return out, nil
}

// wanted reports whether a request selects an actor.
func wanted(in *api.ActorsRequest, id api.ActorID, row *api.ActorRow) bool {
	if len(in.States) > 0 {
		if !slices.Contains(in.States, row.State) {
			return false
		}
	} else if !in.All && row.State == api.ActorReleased {
		return false
	}
	return (in.Node == "" || row.Node == in.Node) && strings.HasPrefix(id.ID, in.Prefix)
}

func (adm *Service) actorRow(c registry.ClaimInfo) api.ActorRow {
	row := api.ActorRow{Actor: c.Actor.String(), Node: c.Owner.Node, Epoch: c.Epoch, Token: c.Owner.Token,
		State: api.ActorReleased}
	if c.Corrupt {
		row.State = api.ActorCorrupt
	}
	if c.Owner.Node == "" {
		return row
	}
	row.Since = telemetry.RFC3339(c.Owner.Since)
	row.State = api.ActorOrphaned
	if c.Owner.Current {
		row.State = api.ActorOwned
		if node, ok := adm.Members.Members().Node(c.Owner.Node); ok {
			row.Address = node.Address
		}
	}
	return row
}

// ServeActorGet says who owns an actor.
func (adm *Service) ServeActorGet(ctx context.Context, in *api.ActorGetRequest) (*api.ActorRow, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	info, err := adm.Registry.Claim(ctx, id)
	if err != nil {
		return nil, call.WireError(err)
	}
	row := adm.actorRow(info)
	if info.Owner.Token == 0 {
		row.State = api.ActorUnknown
	}
	return &row, nil
}

// ServeStoreScan reads a page of the store, at one version.
func (adm *Service) ServeStoreScan(ctx context.Context, in *api.StoreScanRequest) (*api.StoreScanReply, error) {
	limit := in.Limit
	if limit <= 0 || limit > storeScanMax {
		limit = storeScanMax
	}
	end := in.End
	if len(end) == 0 {
		end = []byte{0xff}
	}
	return kv.Transact(ctx, adm.Env, adm.Store, kv.TxOptions{},
		func(ctx context.Context, tx kv.Tx) (*api.StoreScanReply, error) {
			pairs, more, err := tx.Snapshot().Range(ctx, in.Begin, end, kv.RangeOptions{Limit: limit})
			if err != nil {
				return nil, err
			}
			out := &api.StoreScanReply{Pairs: make([]api.StorePair, 0, len(pairs)), More: more}
			for _, p := range pairs {
				out.Pairs = append(out.Pairs, api.StorePair{Key: p.Key, Value: p.Value})
			}
			return out, nil
		})
}

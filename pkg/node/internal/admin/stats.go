// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/eventlog"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// statsFresh is how long statistics are good for everybody who asks.
	statsFresh = 900 * time.Millisecond
	// topScanned is how many actors are looked at for those that stand out: the ones that were called last.
	topScanned = 10_000
)

// ServeStats tells how the node is doing.
func (adm *Service) ServeStats(ctx context.Context, _ *api.StatsRequest) (*api.NodeStats, error) {
	return adm.stats.get(ctx, &adm.Scope, statsFresh, func(context.Context) (*api.NodeStats, error) {
		return adm.nodeStats(), nil
	})
}

func (adm *Service) nodeStats() *api.NodeStats {
	now := adm.Env.Monotonic()
	load := adm.Mailboxes.Load()
	adm.Events.Flush(adm.Env.Now())
	s := &api.NodeStats{
		Node: adm.NodeID, Incarnation: adm.Members.Incarnation(),
		Actors: load.Activations, Pending: load.Pending, ActorBytes: load.Bytes,
		Events: adm.Events.After(0, api.StatsActorsMax),
	}
	adm.Meter.Fill(s, now)
	s.AlarmsFailing, s.SendsFailing = adm.Mailboxes.Failing()
	s.Ages, s.SetAside = adm.Members.Ages(), adm.SetAside()
	s.Moves, s.Moving = adm.Migrator.Moves.Stats(adm.NodeID, now)
	s.Job = adm.Migrator.RunningJob()
	seen := adm.Mailboxes.Recent(topScanned)
	all, waiting := make([]api.ActorStats, len(seen)), 0
	for i, box := range seen {
		all[i] = box.Stats(adm.NodeID, now)
		s.Deepest = max(s.Deepest, all[i].Pending)
		waiting += all[i].Pending
	}
	s.Pending = max(s.Pending, waiting)
	s.Top = standOut(all)
	return s
}

// standOut returns the first of actors in each of the orders in which they are looked at, by name.
func standOut(all []api.ActorStats) []api.ActorStats {
	orders := []func(a *api.ActorStats) float64{
		func(a *api.ActorStats) float64 { return a.Rate },
		func(a *api.ActorStats) float64 { return float64(max(a.LatencyMicros, a.RunningMillis*1000)) },
		func(a *api.ActorStats) float64 { return float64(a.Pending) },
		func(a *api.ActorStats) float64 { return float64(a.MemoryBytes) },
	}
	chosen := make(map[string]bool)
	out := []api.ActorStats{}
	for _, weight := range orders {
		slices.SortStableFunc(all, func(a, b api.ActorStats) int {
			return cmp.Or(cmp.Compare(weight(&b), weight(&a)), strings.Compare(a.Actor, b.Actor))
		})
		for i := range all[:min(len(all), api.StatsActorsMax)] {
			if a := &all[i]; weight(a) > 0 && !chosen[a.Actor] {
				chosen[a.Actor] = true
				out = append(out, *a)
			}
		}
	}
	slices.SortFunc(out, func(a, b api.ActorStats) int { return strings.Compare(a.Actor, b.Actor) })
	return out
}

// ServeClusterStats tells how all members are doing. It asks each of them, once for all who look.
func (adm *Service) ServeClusterStats(ctx context.Context, _ *api.StatsRequest) (*api.ClusterStats, error) {
	return adm.overview.get(ctx, &adm.Scope, statsFresh, adm.clusterStats)
}

func (adm *Service) clusterStats(ctx context.Context) (*api.ClusterStats, error) {
	info, err := adm.ClusterInfo(ctx, nil)
	if err != nil {
		return nil, err
	}
	leases, lost, err := adm.leases(ctx)
	if err != nil {
		return nil, call.WireError(err)
	}
	own, err := adm.ServeStats(ctx, nil)
	if err != nil {
		return nil, err
	}
	answers := membership.AskMembers[api.StatsRequest, api.NodeStats](ctx, adm.Peers, api.MethodStats,
		&api.StatsRequest{})
	out := &api.ClusterStats{Cluster: *info, Time: telemetry.RFC3339(adm.Env.Now()), StoreLost: lost,
		Nodes: make([]api.NodeOverview, 0, len(leases)), Events: slices.Clone(own.Events)}
	ages := newestAges(own, answers)
	for _, l := range leases {
		o := adm.overviewOf(l, ages)
		if l.Node.ID == adm.NodeID {
			o.Stats = withoutEvents(own)
		}
		for _, a := range answers {
			switch {
			case a.Node.ID != l.Node.ID:
			case a.Err != nil:
				o.Silent = call.WireError(a.Err).Message
			default:
				out.Events = append(out.Events, a.Reply.Events...)
				o.Stats = withoutEvents(a.Reply)
			}
		}
		out.Nodes = append(out.Nodes, o)
	}
	out.Events = eventlog.Merge(out.Events)
	return out, nil
}

// withoutEvents leaves out what is told of all members together.
func withoutEvents(s *api.NodeStats) *api.NodeStats {
	out := *s
	out.Events = []api.Event{}
	return &out
}

// newestAges returns for each node the least age of its heartbeat that a member tells.
func newestAges(own *api.NodeStats, answers []membership.MemberAnswer[api.NodeStats]) map[string]int64 {
	out := make(map[string]int64)
	learn := func(s *api.NodeStats) {
		for node, age := range s.Ages { //kelpie:unordered the least of them
			if known, ok := out[node]; !ok || age < known {
				out[node] = age
			}
		}
	}
	learn(own)
	for _, a := range answers {
		if a.Err == nil {
			learn(a.Reply)
		}
	}
	return out
}

// overviewOf is a node's row with its lease.
func (adm *Service) overviewOf(l registry.LeaseInfo, ages map[string]int64) api.NodeOverview {
	o := api.NodeOverview{NodeRow: adm.nodeRow(l), AgeMillis: -1, TTLLeftMillis: -1, Beat: l.Beat.Seq,
		Revocations: l.Fence.Revocations}
	if age, ok := ages[l.Node.ID]; ok && l.Fence.Incarnation != (registry.Incarnation{}) {
		o.AgeMillis, o.TTLLeftMillis = age, max(adm.Members.Member().Meta.LeaseTTL.Milliseconds()-age, 0)
	}
	return o
}

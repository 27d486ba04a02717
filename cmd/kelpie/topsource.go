// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/tui"
)

// topSource is what "kelpie top" sees: the cluster by way of one node, and of another when that does not answer.
type topSource struct {
	session *session

	mu sync.Mutex
	// addrs are those of nodes, the one that answered last first.
	addrs []string
	via   string
}

func newTopSource(s *session) *topSource { return &topSource{session: s, addrs: slices.Clone(s.addrs)} }

// Stats implements tui.Source.
func (t *topSource) Stats(ctx context.Context) (*api.ClusterStats, error) {
	stats, err := topAsk[api.StatsRequest, api.ClusterStats](ctx, t, api.MethodClusterStats, &api.StatsRequest{})
	if err != nil {
		return nil, err
	}
	t.learn(stats)
	return stats, nil
}

// learn remembers where the nodes are, to ask them when the present one dies. Those that were given stay.
func (t *topSource) learn(stats *api.ClusterStats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.addrs[0]
	addrs := []string{first}
	for i := range stats.Nodes {
		n := &stats.Nodes[i]
		if n.Stats != nil {
			addrs = append(addrs, n.Address)
		}
	}
	t.via = stats.Cluster.NodeID
	addrs = append(addrs, t.session.addrs...)
	slices.Sort(addrs[1:])
	addrs = append(
		addrs[:1], slices.Compact(slices.DeleteFunc(addrs[1:], func(a string) bool { return a == first }))...)
	t.addrs = addrs
}

// topAsk asks the nodes one after the other until one answers, which is asked first the next time.
func topAsk[Req, Resp any](ctx context.Context, t *topSource, method string, req *Req) (*Resp, error) {
	t.mu.Lock()
	addrs := slices.Clone(t.addrs)
	t.mu.Unlock()
	var silent []string
	for _, addr := range addrs {
		reply, err := topAskOne[Req, Resp](ctx, t, addr, method, req)
		switch code := api.CodeOf(err); {
		case err == nil:
			t.prefer(addr)
			return reply, nil
		case code == api.CodeUnavailable, code == api.CodeDeadlineExceeded, code == api.CodeUnknown:
			silent = append(silent, addr+" ("+cli.Reason(err)+")")
		default:
			return nil, t.session.explain(addr, err)
		}
	}
	return nil, unreachable(silent)
}

func topAskOne[Req, Resp any](ctx context.Context, t *topSource, addr, method string, req *Req) (*Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, min(topAnswerTimeout, t.session.timeout))
	defer cancel()
	return rpc.CallTyped[Req, Resp](ctx, t.session.pool, addr, method, req)
}

func (t *topSource) prefer(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.addrs, addr); i > 0 {
		t.addrs = append([]string{addr}, slices.Delete(t.addrs, i, i+1)...)
	}
}

// Via implements tui.Source.
func (t *topSource) Via() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.via
}

// Find implements tui.Source.
func (t *topSource) Find(ctx context.Context, prefix string, limit int) ([]api.ActorRow, error) {
	ns, id, _ := strings.Cut(prefix, "/")
	if api.ValidateNamespace(ns) != nil {
		return nil, nil
	}
	req := &api.ActorsRequest{Namespace: ns, Prefix: id, Limit: limit, All: true}
	reply, err := topAsk[api.ActorsRequest, api.ActorsReply](ctx, t, api.MethodActors, req)
	if err != nil {
		return nil, err
	}
	return reply.Actors, nil
}

// Do implements tui.Source.
func (t *topSource) Do(ctx context.Context, a tui.Action) (string, error) {
	t.mu.Lock()
	s := *t.session
	s.addrs = slices.Clone(t.addrs)
	t.mu.Unlock()
	switch a.Verb {
	case tui.Migrate:
		reply, err := order[api.MigrateRequest, api.MigrateReply](ctx, &s, api.MethodMigrate,
			&api.MigrateRequest{Actor: a.Actor, To: a.To, Why: "an operator"})
		if err != nil {
			return "", plainly(err)
		}
		if !reply.Moved {
			return fmt.Sprintf("actor %s is already on node %s", a.Actor, reply.To), nil
		}
		return fmt.Sprintf("actor %s moved from %s to %s", a.Actor, reply.From, reply.To), nil
	case tui.Evict:
		reply, err := order[api.ActorEvictRequest, api.ActorEvictReply](ctx, &s, api.MethodActorEvict,
			&api.ActorEvictRequest{Actor: a.Actor})
		if err != nil {
			return "", plainly(err)
		}
		if !reply.Evicted {
			return fmt.Sprintf("actor %s is not active on any node", a.Actor), nil
		}
		return fmt.Sprintf("actor %s deactivated on node %s", a.Actor, reply.Node), nil
	case tui.Drain:
		reply, err := order[api.BulkRequest, api.BulkStatus](ctx, &s, api.MethodBulk,
			&api.BulkRequest{Node: a.Node, Kind: api.BulkDrain})
		if err != nil {
			return "", plainly(err)
		}
		return fmt.Sprintf("node %s is draining: %d actors to move", a.Node, reply.Total), nil
	case tui.Undrain:
		_, err := order[api.BulkCancelRequest, api.BulkStatus](ctx, &s, api.MethodBulkCancel,
			&api.BulkCancelRequest{Node: a.Node, Kind: api.BulkDrain})
		if err != nil {
			return "", plainly(err)
		}
		return fmt.Sprintf("node %s accepts actors again", a.Node), nil
	case tui.BreakLease:
		reply, err := order[api.LeaseBreakRequest, api.LeaseBreakReply](ctx, &s, api.MethodLeaseBreak,
			&api.LeaseBreakRequest{Node: a.Node})
		if err != nil {
			return "", plainly(err)
		}
		if !reply.Broken {
			return fmt.Sprintf("node %s holds no lease", a.Node), nil
		}
		return fmt.Sprintf("lease of node %s broken, epoch %d", a.Node, reply.Epoch), nil
	}
	return "", api.Errorf(api.CodeInvalidArgument, "%s is not a known action", a.Verb)
}

// plainly is an error in words for a line of the view.
func plainly(err error) error { return fmt.Errorf("%s", cli.Message(err)) }

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// busyFor is how long after its last call an actor counts as one that bears load.
const busyFor = 10 * time.Second

// AdminRebalance plans which nodes give how much to which others, and has them do it.
func (mv *Migrator) ServeRebalance(ctx context.Context, in *api.RebalanceRequest) (*api.RebalanceReply, error) {
	by := cmp.Or(in.By, api.ByActors)
	if !slices.Contains([]string{api.ByActors, api.ByLoad, api.ByMemory}, by) {
		return nil, api.Errorf(api.CodeInvalidArgument, "--by %s: must be %s, %s or %s", call.Clip(by), api.ByActors,
			api.ByLoad, api.ByMemory)
	}
	weights, least, err := mv.weights(ctx, by)
	if err != nil {
		return nil, err
	}
	reply := &api.RebalanceReply{By: by, Nodes: []api.BalanceNode{}, Moves: []api.BalanceMove{},
		Fails: []api.BalanceFailed{}}
	shares := make(map[string][]api.BulkShare)
	gets := make(map[string]int64)
	for _, s := range registry.Balance(weights) {
		if s.Amount < least {
			continue
		}
		reply.Moves = append(reply.Moves, api.BalanceMove{From: s.From, To: s.To, Amount: s.Amount})
		shares[s.From] = append(shares[s.From], api.BulkShare{To: s.To, Amount: s.Amount})
		gets[s.From] -= s.Amount
		gets[s.To] += s.Amount
	}
	for _, w := range weights {
		reply.Nodes = append(reply.Nodes, api.BalanceNode{Node: w.Node, Has: w.Has, Gets: gets[w.Node]})
	}
	if in.Plan {
		return reply, nil
	}
	for _, w := range weights {
		if shares[w.Node] == nil {
			continue
		}
		_, err := mv.ServeBulk(
			ctx, &api.BulkRequest{Node: w.Node, Kind: api.BulkRebalance, Rate: in.Rate, Force: true,
				Why: "a rebalance", By: by, Shares: shares[w.Node]})
		if err != nil {
			reply.Fails = append(reply.Fails, api.BalanceFailed{Node: w.Node, Error: call.WireError(err).Message})
		}
	}
	return reply, nil
}

// shiftPercentMin is how far a node must be from the mean, in percent of it, for bytes or calls to be worth moving:
// they are never quite equal.
const shiftPercentMin = 5

// weights asks every node that takes actors what it carries. least is what is worth a move: a share of the mean, and of
// bytes what an actor has on average.
func (mv *Migrator) weights(ctx context.Context, by string) (out []registry.Weight, least int64, err error) {
	if err := mv.Members.Refresh(ctx); err != nil {
		return nil, 0, call.WireError(err)
	}
	var all, actors int64
	for _, m := range mv.Members.Members().Members() {
		if m.State != registry.NodeActive {
			continue
		}
		load := mv.Mailboxes.Load()
		if m.ID != mv.NodeID {
			pong, err := mv.askLoad(ctx, m)
			if err != nil {
				return nil, 0, api.Errorf(api.CodeUnavailable, "node %s does not say what it carries: %v", m.ID, err)
			}
			load = pong.Load
		}
		w := registry.Weight{Node: m.ID, Has: int64(load.Activations)}
		switch by {
		case api.ByActors:
			w.Most = int64(m.Capacity)
		case api.ByLoad:
			w.Has = load.Rate
		case api.ByMemory:
			w.Has = load.Bytes
		}
		out = append(out, w)
		all += w.Has
		actors += int64(load.Activations)
	}
	switch least = all / max(int64(len(out)), 1) * shiftPercentMin / 100; by {
	case api.ByActors:
		least = 1
	case api.ByMemory:
		least = max(least, all/max(actors, 1))
	}
	return out, max(least, 1), nil
}

func (mv *Migrator) askLoad(ctx context.Context, m registry.NodeInfo) (*api.Pong, error) {
	ctx, cancel := env.WithTimeout(mv.Env, ctx, prepareTimeout)
	defer cancel()
	return rpc.CallTyped[api.Ping, api.Pong](ctx, mv.Pool, m.Address, api.MethodPing,
		&api.Ping{Node: mv.NodeID, Load: mv.Mailboxes.Load()})
}

// assign chooses which actors make up the shares that other nodes are to get. held is in the order of their last calls.
func (mv *Migrator) assign(held []mailbox.Holding, req *api.BulkRequest) []assignment {
	weight := func(mailbox.Holding) int64 { return 1 }
	switch req.By {
	case api.ByMemory: // the largest first: the fewest moves
		weight = func(h mailbox.Holding) int64 { return h.Bytes }
		slices.SortStableFunc(held, func(a, b mailbox.Holding) int { return cmp.Compare(b.Bytes, a.Bytes) })
	case api.ByLoad: // those that are called, as if all were called as often
		rate, since := mv.Mailboxes.Load().Rate, mv.Env.Monotonic()-busyFor
		busy := held[:0:0]
		for _, h := range held {
			if h.Used >= since {
				busy = append(busy, h)
			}
		}
		held = busy
		each := max(rate/max(int64(len(busy)), 1), 1)
		weight = func(mailbox.Holding) int64 { return each }
	}
	var out []assignment
	for _, share := range req.Shares {
		to, ok := mv.Members.Members().Node(share.To)
		if !ok {
			continue
		}
		left, rest := share.Amount, held[:0]
		for _, h := range held {
			w := weight(h)
			// What exceeds the rest by less than half is nearer to it than without.
			if left > 0 && w <= left+w/2 && slices.Contains(to.Namespaces, h.Actor.Namespace) {
				left -= w
				out = append(out, assignment{h.Actor, share.To})
			} else {
				rest = append(rest, h)
			}
		}
		held = rest
	}
	return out
}

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
	weights, err := mv.weights(ctx, by)
	if err != nil {
		return nil, err
	}
	reply := &api.RebalanceReply{By: by, Nodes: []api.BalanceNode{}, Moves: []api.BalanceMove{},
		Fails: []api.BalanceFailed{}}
	shares := make(map[string][]api.BulkShare)
	gets := make(map[string]int64)
	for _, s := range mv.shifts(weights, by) {
		reply.Moves = append(reply.Moves, api.BalanceMove{From: s.From, To: s.To, Amount: s.Amount,
			Namespace: s.Namespace})
		shares[s.From] = append(shares[s.From], api.BulkShare{To: s.To, Amount: s.Amount, Namespace: s.Namespace})
		gets[s.From] -= s.Amount
		gets[s.To] += s.Amount
	}
	for _, w := range weights {
		reply.Nodes = append(reply.Nodes, api.BalanceNode{Node: w.node, Has: w.has, Gets: gets[w.node]})
	}
	if in.Plan {
		return reply, nil
	}
	for _, w := range weights {
		if shares[w.node] == nil {
			continue
		}
		_, err := mv.ServeBulk(
			ctx, &api.BulkRequest{Node: w.node, Kind: api.BulkRebalance, Rate: in.Rate, Force: true,
				Why: "a rebalance", By: by, Shares: shares[w.node]})
		if err != nil {
			reply.Fails = append(reply.Fails, api.BalanceFailed{Node: w.node, Error: call.WireError(err).Message})
		}
	}
	return reply, nil
}

// shiftPercentMin is how far a node must be from the mean, in percent of it, for bytes or calls to be worth moving:
// they are never quite equal.
const shiftPercentMin = 5

// weight is what a node that accepts actors carries, in all and of each namespace.
type weight struct {
	node        string
	has, actors int64
	capacity    int64
	parts       []registry.Part
}

// shifts plans what is to go where. Where every node may have everything, it does not say of which namespaces: the
// nodes give what was not called for the longest.
func (mv *Migrator) shifts(weights []weight, by string) []registry.Shift {
	view := mv.Members.Members()
	out := balanced(weights, by, view)
	least := leastShift(weights, by)
	type way struct{ from, to string }
	sum := make(map[way]int64)
	for _, s := range out {
		sum[way{s.From, s.To}] += s.Amount
	}
	return slices.DeleteFunc(out, func(s registry.Shift) bool { return sum[way{s.From, s.To}] < least })
}

// balanced returns the shifts that make the weights equal, as far as the view of the members lets actors move.
func balanced(weights []weight, by string, view *registry.View) []registry.Shift {
	if !unconstrained(weights, by, view) {
		carriers := make([]registry.Carrier, len(weights))
		for i, w := range weights {
			carriers[i] = registry.Carrier{Node: w.node, Most: w.capacity, Parts: w.parts}
		}
		return registry.BalanceParts(carriers, view.MayMove)
	}
	plain := make([]registry.Weight, len(weights))
	for i, w := range weights {
		plain[i] = registry.Weight{Node: w.node, Has: w.has}
		if by == api.ByActors {
			plain[i].Most = w.capacity
		}
	}
	return registry.Balance(plain)
}

// unconstrained reports whether every node may have the actors of every other one. A capacity, which is in actors, is
// a constraint for other units.
func unconstrained(weights []weight, by string, view *registry.View) bool {
	for _, w := range weights {
		if by != api.ByActors && w.capacity != 0 {
			return false
		}
		for _, p := range w.parts {
			for _, to := range weights {
				if to.node != w.node && !view.MayMove(p.Namespace, w.node, to.node) {
					return false
				}
			}
		}
	}
	return true
}

// leastShift is what is worth a move: a share of the mean, and of bytes what an actor has on average.
func leastShift(weights []weight, by string) int64 {
	if by == api.ByActors {
		return 1
	}
	var all, actors int64
	for _, w := range weights {
		all += w.has
		actors += w.actors
	}
	least := max(all/max(int64(len(weights)), 1)*shiftPercentMin/100, 1)
	if by == api.ByMemory {
		least = max(least, all/max(actors, 1))
	}
	return least
}

// weights asks every node that accepts actors what it carries.
func (mv *Migrator) weights(ctx context.Context, by string) (out []weight, err error) {
	if err := mv.Members.Refresh(ctx); err != nil {
		return nil, call.WireError(err)
	}
	for _, m := range mv.Members.Members().Members() {
		if m.State != registry.NodeActive {
			continue
		}
		pong := &api.Pong{Load: mv.Mailboxes.Load(), Parts: mv.LoadParts()}
		if m.ID != mv.NodeID {
			if pong, err = mv.askLoad(ctx, m); err != nil {
				return nil, api.Errorf(api.CodeUnavailable, "node %s does not say what it carries: %v", m.ID, err)
			}
		}
		out = append(out, weigh(&m, pong, by))
	}
	return out, nil
}

// weigh is what a node carries, in the unit of a rebalance.
func weigh(m *registry.NodeInfo, pong *api.Pong, by string) weight {
	w := weight{node: m.ID, has: int64(pong.Load.Activations), actors: int64(pong.Load.Activations),
		capacity: int64(m.Capacity)}
	switch by {
	case api.ByLoad:
		w.has = pong.Load.Rate
	case api.ByMemory:
		w.has = pong.Load.Bytes
	}
	var busy int64
	for _, p := range pong.Parts {
		busy += p.Busy
	}
	for _, p := range pong.Parts {
		part := registry.Part{Namespace: p.Namespace, Amount: p.Actors, Actors: p.Actors}
		switch by {
		case api.ByLoad:
			part.Amount, part.Actors = pong.Load.Rate*p.Busy/max(busy, 1), p.Busy
		case api.ByMemory:
			part.Amount = p.Bytes
		}
		if part.Amount > 0 {
			w.parts = append(w.parts, part)
		}
	}
	return w
}

// LoadParts is what the node carries of each namespace.
func (mv *Migrator) LoadParts() []api.LoadPart {
	since := mv.Env.Monotonic() - busyFor
	parts := make(map[string]*api.LoadPart)
	for _, h := range mv.Mailboxes.Held("") {
		p := parts[h.Actor.Namespace]
		if p == nil {
			p = &api.LoadPart{Namespace: h.Actor.Namespace}
			parts[h.Actor.Namespace] = p
		}
		p.Actors++
		p.Bytes += h.Bytes
		if h.Used >= since {
			p.Busy++
		}
	}
	out := make([]api.LoadPart, 0, len(parts))
	for _, p := range parts { //kelpie:unordered sorted below
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b api.LoadPart) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return out
}

func (mv *Migrator) askLoad(ctx context.Context, m registry.NodeInfo) (*api.Pong, error) {
	ctx, cancel := env.WithTimeout(mv.Env, ctx, prepareTimeout)
	defer cancel()
	return rpc.CallTyped[api.Ping, api.Pong](ctx, mv.Pool, m.Address, api.MethodPing,
		&api.Ping{Node: mv.NodeID, Load: mv.Mailboxes.Load(), Parts: true})
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
	view := mv.Members.Members()
	for _, share := range req.Shares {
		if _, known := view.Node(share.To); !known || share.Namespace != "" && mv.Kinds[share.Namespace] == nil {
			continue
		}
		left, rest := share.Amount, held[:0]
		for _, h := range held {
			w := weight(h)
			// What exceeds the rest by less than half is nearer to it than without.
			fits := left > 0 && w <= left+w/2 && (share.Namespace == "" || share.Namespace == h.Actor.Namespace)
			if fits && view.MayMove(h.Actor.Namespace, mv.NodeID, share.To) {
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

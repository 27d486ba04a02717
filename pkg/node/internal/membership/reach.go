// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// A network may come between two nodes that both reach the store. Neither is dead, and neither may take the other's
// actors for that: what one node thinks of another decides nothing. What a node can do is to say so. It writes with
// its heartbeats which members it can't reach, as long as their own heartbeats go on, so that every node can show it;
// it tells its callers where the owner is, as they may reach it; and if the cluster is told to fence such nodes after
// a while, the store's rules decide, by what the heartbeats of most members say (registry.FenceUnreachable).

const (
	// unreachableBeats is for how many heartbeats a member can't be reached before that is told: the last one of a
	// node that has died is seen one heartbeat later, and is then too old.
	unreachableBeats = 4
	// livingBeats is the greatest age of the heartbeat of a member that is alive.
	livingBeats = 2
)

// ReachDeps are what a Reach is made of.
type ReachDeps struct {
	telemetry.Scope
	Registry *registry.Registry
	Members  *Manager
	// Ping pings a member, and reports what comes of it by Unreached or Reached.
	Ping func(ctx context.Context, node registry.NodeInfo)
	// FenceAfter is for how long most members must be unable to reach a member before they fence it; 0 is never.
	FenceAfter time.Duration
}

// Reach knows which members the node can't reach. It is safe for concurrent use.
type Reach struct {
	ReachDeps
	mu    sync.Mutex
	apart map[string]*separation
}

// NewReach returns a Reach of a node that reaches all others.
func NewReach(d ReachDeps) *Reach { return &Reach{ReachDeps: d, apart: make(map[string]*separation)} }

// separation is a time in which a member could not be reached.
type separation struct {
	node   registry.NodeInfo
	since  time.Duration
	reason string
	told   bool // its heartbeats go on, and that is told
}

// failed takes note that a member could not be reached.
func (r *Reach) failed(node registry.NodeInfo, err error, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.apart[node.ID]; known != nil && known.node.Incarnation == node.Incarnation {
		known.reason = err.Error()
		return
	}
	r.apart[node.ID] = &separation{node: node, since: now, reason: err.Error()}
}

// answered takes note that a member was reached, and reports whether it was told that it could not be.
func (r *Reach) answered(node string) (told bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.apart[node]
	delete(r.apart, node)
	return known != nil && known.told
}

// all returns the separations, in order of name.
func (r *Reach) all() []separation {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]separation, 0, len(r.apart))
	for _, s := range r.apart { //kelpie:unordered sorted below
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b separation) int { return strings.Compare(a.node.ID, b.node.ID) })
	return out
}

// tell notes that a separation is told, and reports whether it is for the first time.
func (r *Reach) tell(of separation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.apart[of.node.ID]
	if known == nil || known.told {
		return false
	}
	known.told = true
	return true
}

// forget drops a separation from who is no member any more.
func (r *Reach) forget(of separation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.apart[of.node.ID]; known != nil && known.node.Incarnation == of.node.Incarnation {
		delete(r.apart, of.node.ID)
	}
}

// Clear forgets all separations.
func (r *Reach) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.apart)
}

// Apart returns the members that could not be reached, in order of name.
func (r *Reach) Apart() []registry.NodeInfo {
	var out []registry.NodeInfo
	for _, s := range r.all() {
		out = append(out, s.node)
	}
	return out
}

// Lives reports whether a node can't be reached at an address, though it lives.
func (r *Reach) Lives(addr string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.apart { //kelpie:unordered any of them
		if s.told && s.node.Address == addr {
			return true
		}
	}
	return false
}

// Unreachable is what the next heartbeat says of members that can't be reached though they live.
func (r *Reach) Unreachable() []registry.Unreachable {
	var out []registry.Unreachable
	now := r.Env.Monotonic()
	for _, s := range r.all() {
		if s.told {
			out = append(out, registry.Unreachable{Node: s.node.ID, Incarnation: s.node.Incarnation,
				Millis: (now - s.since).Milliseconds()})
		}
	}
	return out
}

// Unreached takes note that a member could not be reached, and has its heartbeats watched.
func (r *Reach) Unreached(node registry.NodeInfo, err error) {
	r.failed(node, err, r.Env.Monotonic())
	r.Members.Suspect(node.ID)
}

// Reached takes note that a member was reached.
func (r *Reach) Reached(node string) {
	if r.answered(node) {
		r.Happened(api.Event{Kind: api.EventReachable, Node: node, Cause: "it answers " + r.NodeID})
		r.Log.Info("a node can be reached again", "peer", node)
	}
}

// Try pings the members that could not be reached, tells of those that live, and has them fenced if the
// cluster is told to. It blocks for at most a heartbeat, and for what the store takes.
func (r *Reach) Try(ctx context.Context) {
	apart := r.all()
	if len(apart) == 0 {
		return
	}
	pings := env.NewGroup(r.Env, ctx)
	defer pings.Stop()
	view := r.Members.Members()
	for _, s := range apart {
		node, _ := view.Node(s.node.ID)
		if !node.Member() || node.Incarnation != s.node.Incarnation {
			r.forget(s)
			continue
		}
		pings.Go("ping", func(ctx context.Context) { r.Ping(ctx, node) })
	}
	if pings.Wait(ctx) != nil {
		return
	}
	for _, s := range r.all() {
		r.judge(ctx, s)
	}
}

// judge tells of a separation that has lasted, and ends it if that is wanted.
func (r *Reach) judge(ctx context.Context, s separation) {
	lasted := r.Env.Monotonic() - s.since
	if lasted < unreachableBeats*r.Members.Member().Meta.Heartbeat || !r.Members.lives(s.node.ID, s.since) {
		return
	}
	if r.tell(s) {
		r.Happened(api.Event{Kind: api.EventUnreachable, Node: s.node.ID, Incarnation: s.node.Incarnation.String(),
			Cause: r.NodeID + " can't reach it at " + s.node.Address + ", and it goes on beating: " + s.reason})
		r.Log.Warn("a node can't be reached from here, and it is alive: the store hears it", "peer", s.node.ID,
			"address", s.node.Address, "error", s.reason)
	}
	if after := r.FenceAfter; after > 0 && lasted > after {
		r.fenceUnreachable(ctx, s.node, after)
	}
}

// fenceUnreachable has a member fenced if most members can't reach it.
func (r *Reach) fenceUnreachable(ctx context.Context, node registry.NodeInfo, after time.Duration) {
	ctx, cancel := env.WithTimeout(r.Env, ctx, r.Members.Member().Meta.LeaseTTL)
	defer cancel()
	fenced, err := r.Registry.FenceUnreachable(ctx, node.ID, node.Incarnation, after)
	switch {
	case err != nil:
		r.Log.Warn("a node that can't be reached was not fenced", "peer", node.ID, "error", err)
	case fenced:
		r.Log.Warn("fenced a node that most members can't reach", "peer", node.ID, "for", after)
		r.Happened(api.Event{Kind: api.EventFailed, Node: node.ID, Incarnation: node.Incarnation.String(),
			Cause: "most members could not reach it for " + after.String()})
	}
}

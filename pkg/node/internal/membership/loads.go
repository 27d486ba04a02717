// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Loads is what a node knows of how busy the members are: what they said at the last ping, and what has
// been sent there since. It only guides placement. Nothing is kept of a node that is no member.
type Loads struct {
	mu    sync.Mutex
	known map[string]api.Load
}

// NewLoads returns loads of no nodes.
func NewLoads() *Loads { return &Loads{known: make(map[string]api.Load)} }

// Learn notes how busy a node says that it is.
func (l *Loads) Learn(node string, load api.Load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[node] = load
}

// Placed counts an actor that was sent to a node, until that says itself how many it has.
func (l *Loads) Placed(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	load := l.known[node]
	load.Activations++
	l.known[node] = load
}

// Forget drops a node that is no longer a member.
func (l *Loads) Forget(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, node)
}

// Candidates returns members with the loads that are known of them, for placement.
func (l *Loads) Candidates(members []registry.NodeInfo) []registry.Candidate {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]registry.Candidate, len(members))
	for i, m := range members {
		out[i] = registry.Candidate{Node: m, Load: l.known[m.ID]}
	}
	if len(l.known) > len(members) {
		l.keep(members)
	}
	return out
}

// keep drops all but members. l.mu is held.
func (l *Loads) keep(members []registry.NodeInfo) {
	known := make(map[string]api.Load, len(members))
	for _, m := range members {
		if load, ok := l.known[m.ID]; ok {
			known[m.ID] = load
		}
	}
	l.known = known
}

// Known returns how many nodes' loads are known.
func (l *Loads) Known() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known)
}

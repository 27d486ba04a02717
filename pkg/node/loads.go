// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// loads is what a node knows of how busy the members are: what they said at the last ping, and what has
// been sent there since. It only guides placement. Nothing is kept of a node that is no member.
type loads struct {
	mu    sync.Mutex
	known map[string]api.Load
}

func newLoads() *loads { return &loads{known: make(map[string]api.Load)} }

// learn notes what a node has said. It must be a member.
func (l *loads) learn(node string, load api.Load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[node] = load
}

// placed counts an actor that was sent to a node, until that says itself how many it has.
func (l *loads) placed(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	load := l.known[node]
	load.Activations++
	l.known[node] = load
}

// forget drops a node that is no longer a member.
func (l *loads) forget(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, node)
}

func (l *loads) candidates(members []registry.NodeInfo) []registry.Candidate {
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

// keep drops all but members. The lock is held.
func (l *loads) keep(members []registry.NodeInfo) {
	known := make(map[string]api.Load, len(members))
	for _, m := range members {
		if load, ok := l.known[m.ID]; ok {
			known[m.ID] = load
		}
	}
	l.known = known
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// inFlight counts the slots that run, so that a stop can wait for them.
type inFlight struct {
	running  atomic.Int64
	stopping atomic.Bool
	drained  *env.Event
}

func (f *inFlight) begin() { f.running.Add(1) }

func (f *inFlight) end() {
	if f.running.Add(-1) == 0 && f.stopping.Load() {
		f.drained.Set()
	}
}

// wait blocks until nothing runs. Nothing new may be started by then.
func (f *inFlight) wait(ctx context.Context) error {
	f.stopping.Store(true)
	if f.running.Load() == 0 {
		return nil
	}
	return f.drained.Wait(ctx)
}

// runners are the slots that have a task: for a moment two, when a call comes while one ends.
type runners struct {
	mu    sync.Mutex
	slots map[*slot]int
}

func (r *runners) add(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots == nil {
		r.slots = make(map[*slot]int)
	}
	r.slots[s]++
}

func (r *runners) remove(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots[s]--; r.slots[s] == 0 {
		delete(r.slots, s)
	}
}

// longer returns the slots whose actor's code has run since before a time, in order of actor.
func (r *runners) longer(before time.Duration) []*slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*slot
	for s := range r.slots { //kelpie:unordered sorted below
		s.mu.Lock()
		if s.run != nil && s.run.what != "" && s.run.since < before {
			out = append(out, s)
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b *slot) int { return strings.Compare(a.actor.String(), b.actor.String()) })
	return out
}

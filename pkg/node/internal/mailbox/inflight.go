// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// InFlight counts the mailboxes that run, so that a stop can wait for them.
type InFlight struct {
	running  atomic.Int64
	stopping atomic.Bool
	Drained  *env.Event
}

func (f *InFlight) Begin() { f.running.Add(1) }

// Running returns how many mailboxes run.
func (f *InFlight) Running() int { return int(f.running.Load()) }

// End counts a mailbox that has stopped running.
func (f *InFlight) End() {
	if f.running.Add(-1) == 0 && f.stopping.Load() {
		f.Drained.Set()
	}
}

// Wait blocks until nothing runs. Nothing new may be started by then.
func (f *InFlight) Wait(ctx context.Context) error {
	f.stopping.Store(true)
	if f.running.Load() == 0 {
		return nil
	}
	return f.Drained.Wait(ctx)
}

// Runners are the mailboxes that have a task: for a moment two, when a call comes while one ends.
type Runners struct {
	mu    sync.Mutex
	boxes map[*Mailbox]int
}

// Add notes that a mailbox has a task.
func (r *Runners) Add(s *Mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.boxes == nil {
		r.boxes = make(map[*Mailbox]int)
	}
	r.boxes[s]++
}

// Remove notes that one of a mailbox's tasks has ended.
func (r *Runners) Remove(s *Mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.boxes[s]--; r.boxes[s] == 0 {
		delete(r.boxes, s)
	}
}

// Longer returns the mailboxes whose actor's code has run since before a time, in order of actor.
func (r *Runners) Longer(before time.Duration) []*Mailbox {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*Mailbox
	for s := range r.boxes { //kelpie:unordered sorted below
		s.mu.Lock()
		if s.run != nil && s.run.what != "" && s.run.since < before {
			out = append(out, s)
		}
		s.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b *Mailbox) int { return strings.Compare(a.Actor.String(), b.Actor.String()) })
	return out
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

const (
	// WakeAgain and wakeAgainMax bound the pause after which an actor that has not done what was due is woken again.
	WakeAgain    = 5 * time.Second
	wakeAgainMax = time.Minute
	// timersLookedAt is how often the wall clock is compared with the next timer: it may have been set.
	timersLookedAt = 10 * time.Second
	// timersAtOnce is how many timers fire together, every timersPause: 10,000 a second.
	timersAtOnce = 100
	timersPause  = 10 * time.Millisecond
)

// Timers say when actors of the node have something to do, by the wall clock. An actor has a timer from the commit or
// the load that says so until it has nothing to do, was released, or is active elsewhere: in that time nobody else
// looks after it as long as the node is a member. A timer that fires is set again for a while later, and gone when
// the actor sets it anew.
type Timers struct {
	env  env.Env
	wake func(t timer)

	mu     sync.Mutex
	heap   timerHeap
	all    map[api.ActorID]*timer
	parker env.Parker
}

type timer struct {
	actor api.ActorID
	at    int64 // in milliseconds since 1970
	fired int   // how often, since it was set
	index int
}

func newTimers(e env.Env, wake func(t timer)) *Timers {
	return &Timers{env: e, wake: wake, all: make(map[api.ActorID]*timer), parker: e.NewParker()}
}

// Set sets an actor's timer; 0 removes it.
func (s *Timers) Set(actor api.ActorID, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.all[actor]
	if t == nil && at == 0 {
		return
	}
	s.put(t, actor, at)
}

// Soon sets it if there is none, or it is later than that.
func (s *Timers) Soon(actor api.ActorID, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.all[actor]; t == nil || at < t.at {
		s.put(t, actor, at)
	}
}

// StepBack has every actor looked at, as the wall clock was set back: its timer, and what it has to do, may be as far
// off as the clock was ahead.
func (s *Timers) StepBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now().UnixMilli()
	for _, t := range s.heap {
		t.at, t.fired = min(t.at, now), 0
	}
	heap.Init(&s.heap)
	s.parker.Unpark()
}

// forget removes a timer if it has not been set since it fired as t.
func (s *Timers) forget(t timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.all[t.actor]; now != nil && now.fired >= t.fired {
		s.put(now, t.actor, 0)
	}
}

// put does any of that. s.mu is held.
func (s *Timers) put(t *timer, actor api.ActorID, at int64) {
	switch {
	case at == 0:
		heap.Remove(&s.heap, t.index)
		delete(s.all, actor)
		return
	case t == nil:
		t = &timer{actor: actor, at: at}
		s.all[actor] = t
		heap.Push(&s.heap, t)
	default:
		t.at, t.fired = at, 0
		heap.Fix(&s.heap, t.index)
	}
	if t.index == 0 {
		s.parker.Unpark()
	}
}

// next returns a timer that is due, or else how long to wait.
func (s *Timers) next() (t timer, due bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heap) == 0 {
		return timer{}, false, 0
	}
	first, now := s.heap[0], s.env.Now().UnixMilli()
	if first.at > now {
		return timer{}, false, until(first.at, now)
	}
	first.at = now + min(WakeAgain<<min(first.fired, 10), wakeAgainMax).Milliseconds()
	first.fired++
	heap.Fix(&s.heap, 0)
	return *first, true, 0
}

// until is how long to wait for a time, but not longer than timersLookedAt.
func until(at, now int64) time.Duration {
	return time.Duration(min(max(at-now, 0), timersLookedAt.Milliseconds())) * time.Millisecond
}

// Run fires timers until ctx ends.
func (s *Timers) Run(ctx context.Context) {
	for fired := 1; ctx.Err() == nil; fired++ {
		t, due, wait := s.next()
		switch {
		case due:
			s.wake(t)
			if fired%timersAtOnce == 0 {
				_ = env.Sleep(s.env, ctx, timersPause) // only ctx can end it
			}
		case wait == 0:
			_ = s.parker.Park(ctx)
		default:
			alarm := s.env.AfterFunc(wait, s.parker.Unpark)
			_ = s.parker.Park(ctx)
			alarm.Stop()
		}
	}
}

// timerHeap is in order of time.
type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].at, h[j].at), call.CompareActors(h[i].actor, h[j].actor)) < 0
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// sweeper calls sweep soon after the earliest of its deadlines. One timer serves
// all calls: most end long before their deadline, and cost it nothing but a comparison.
type sweeper struct {
	env env.Env
	// sweep ends what has expired by now and returns the earliest deadline left, zero for none.
	sweep func(now time.Duration) (next time.Duration)

	// at is when the timer fires; zero without a timer. Written under mu.
	at atomic.Int64

	mu      sync.Mutex
	timer   env.Timer
	stopped bool
}

// watch sees to it that a sweep comes no earlier than deadline, and soon after.
func (s *sweeper) watch(deadline time.Duration) {
	if at := s.at.Load(); at != 0 && time.Duration(at) <= deadline {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arm(deadline)
}

// arm sets the timer for a deadline, unless it fires before that anyway. The lock is held.
func (s *sweeper) arm(deadline time.Duration) {
	if at := time.Duration(s.at.Load()); s.stopped || at != 0 && at <= deadline {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	now := s.env.Monotonic()
	at := max(deadline, now+sweepInterval)
	s.at.Store(int64(at))
	s.timer = s.env.AfterFunc(at-now, s.fire)
}

func (s *sweeper) fire() {
	s.mu.Lock()
	s.at.Store(0) // a deadline told from here on arms the timer again
	s.mu.Unlock()
	next := s.sweep(s.env.Monotonic())
	if next != 0 {
		s.watch(next)
	}
}

func (s *sweeper) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

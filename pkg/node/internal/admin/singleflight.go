// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
)

// shared is something that is found out for all who ask in a while: it costs the same whether one looks or a hundred
// do.
type shared[T any] struct {
	mu    sync.Mutex
	value *T
	until time.Duration
	next  *env.Future[*T] // of those who wait
}

// get returns what was found out at most so long ago, or has find do so, in a task with the context given. It blocks
// until then or until ctx ends. The value belongs to all.
func (s *shared[T]) get(ctx context.Context, n *telemetry.Scope, fresh time.Duration,
	find func(ctx context.Context) (*T, error)) (*T, error) {
	s.mu.Lock()
	if s.value != nil && n.Env.Monotonic() < s.until {
		defer s.mu.Unlock()
		return s.value, nil
	}
	next := s.next
	if next == nil {
		next = env.NewFuture[*T](n.Env)
		s.next = next
		n.Env.Go("find out", func() {
			v, err := find(n.Ctx)
			s.mu.Lock()
			s.value, s.until, s.next = v, n.Env.Monotonic()+fresh, nil
			s.mu.Unlock()
			next.Complete(v, err)
		})
	}
	s.mu.Unlock()
	return next.Wait(ctx)
}

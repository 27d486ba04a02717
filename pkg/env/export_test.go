// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import "context"

// Waiting returns how many tasks are blocked in a primitive.
func (m *Mutex) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiters.count()
}

func (s *Semaphore) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiters.count()
}

func (q *Queue[T]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.poppers.count() + q.pushers.count()
}

func (f *Future[T]) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiters.count()
}

func (c *Cond) Waiting() int { return c.waiters.count() }

func (l *waitList[T]) count() int {
	n := 0
	for w := l.head; w != nil; w = w.next {
		n++
	}
	return n
}

// Watchers returns how many children and functions wait for the end of a
// context of this package.
func Watchers(ctx context.Context) int {
	c := ctx.(*cancelCtx)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for w := c.watchers.head; w != nil; w = w.next {
		n++
	}
	return n
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is returned by the operations of a Queue that was closed.
var ErrClosed = errors.New("queue is closed")

// Queue is a first-in first-out queue between tasks. Tasks that wait are served in
// the order of their arrival. An operation that can be done at once is done
// even if its context has ended. It is safe for concurrent use.
type Queue[T any] struct {
	capacity int // 0 is unbounded

	mu      sync.Mutex
	items   ring[T]
	closed  bool
	poppers waitList[T] // wait only while items is empty
	pushers waitList[T] // wait only while items is full
}

// NewQueue returns an empty queue of at most capacity elements, 0 being no bound.
func NewQueue[T any](e Env, capacity int) *Queue[T] {
	if capacity < 0 {
		panic("env: a queue of negative capacity")
	}
	return &Queue[T]{capacity: capacity, poppers: waitList[T]{env: e}, pushers: waitList[T]{env: e}}
}

// TryPush adds v and reports whether it did: false says that the queue is full
// or closed.
func (q *Queue[T]) TryPush(v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && q.offer(v)
}

// Push adds v, waiting while the queue is full. It returns nil, ErrClosed, or
// the cause of ctx's end; only with nil has v been added.
func (q *Queue[T]) Push(ctx context.Context, v T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.offer(v) {
		return nil
	}
	_, err := q.pushers.wait(ctx, &q.mu, q.pushers.add(v), nil)
	return err
}

// TryPop takes the oldest element, if there is one.
func (q *Queue[T]) TryPop() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len == 0 {
		return v, false
	}
	return q.take(), true
}

// Pop takes the oldest element, waiting while there is none. It returns
// ErrClosed once the queue is closed and drained, or the cause of ctx's end.
func (q *Queue[T]) Pop(ctx context.Context) (T, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len > 0 {
		return q.take(), nil
	}
	return q.await(ctx)
}

// PopAll appends all elements to buf, oldest first, waiting while there is none,
// and returns the result. The errors are those of Pop; buf is returned as it was then.
func (q *Queue[T]) PopAll(ctx context.Context, buf []T) ([]T, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len == 0 {
		v, err := q.await(ctx)
		if err != nil {
			return buf, err
		}
		buf = append(buf, v)
	}
	buf = q.items.drain(buf)
	q.admit()
	return buf, nil
}

// Len returns the number of elements.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.len
}

// Close refuses further elements, also those of tasks that wait to push. What
// is in the queue can still be taken. Closing again does nothing.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.poppers.grantAll(ErrClosed)
	q.pushers.grantAll(ErrClosed)
}

// offer hands v to a task that waits for it, or stores it if there is room.
func (q *Queue[T]) offer(v T) bool {
	if w := q.poppers.head; w != nil {
		w.val = v
		q.poppers.grant(w, nil)
		return true
	}
	if q.capacity > 0 && q.items.len >= q.capacity {
		return false
	}
	q.items.pushBack(v)
	return true
}

func (q *Queue[T]) take() T {
	v := q.items.popFront()
	q.admit()
	return v
}

// admit stores what waiting tasks bring, while there is room.
func (q *Queue[T]) admit() {
	for q.pushers.head != nil && q.items.len < q.capacity {
		w := q.pushers.head
		q.items.pushBack(w.val)
		q.pushers.grant(w, nil)
	}
}

// await waits for an element while there is none.
func (q *Queue[T]) await(ctx context.Context) (v T, err error) {
	if q.closed {
		return v, ErrClosed
	}
	return q.poppers.wait(ctx, &q.mu, q.poppers.add(v), q.putBack)
}

// putBack returns what was handed to a task that was killed.
func (q *Queue[T]) putBack(granted *waiter[T]) {
	if granted == nil || granted.err != nil {
		return
	}
	if w := q.poppers.head; w != nil {
		w.val = granted.val
		q.poppers.grant(w, nil)
		return
	}
	q.items.pushFront(granted.val)
}

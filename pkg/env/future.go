// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"sync"
)

// Future is a result that is not there yet. Any number of tasks may wait for it.
type Future[T any] struct {
	mu      sync.Mutex
	done    bool
	val     T
	err     error
	waiters waitList[struct{}]
}

// NewFuture returns a future without a result.
func NewFuture[T any](e Env) *Future[T] {
	return &Future[T]{waiters: waitList[struct{}]{env: e}}
}

// Complete gives the result and reports whether it was the first to do so. A
// later one has no effect.
func (f *Future[T]) Complete(v T, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return false
	}
	f.done, f.val, f.err = true, v, err
	f.waiters.grantAll(nil)
	return true
}

// Done reports whether there is a result.
func (f *Future[T]) Done() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// Wait blocks until there is a result and returns it, or until ctx ends, and
// returns the cause of that. A result that is there wins over a ctx that has
// ended.
func (f *Future[T]) Wait(ctx context.Context) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.done {
		_, err := f.waiters.wait(ctx, &f.mu, f.waiters.add(struct{}{}), nil)
		if err != nil {
			var zero T
			return zero, err
		}
	}
	return f.val, f.err
}

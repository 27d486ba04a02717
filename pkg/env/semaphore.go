// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"sync"
)

// ErrTooMany is returned for what a Semaphore could never give.
var ErrTooMany = errors.New("more asked for than the semaphore has")

// Semaphore bounds the use of something of which there are a number of units.
// Tasks get theirs in the order of their arrival: a large request is not
// overtaken by small ones behind it.
type Semaphore struct {
	size int64

	mu      sync.Mutex
	free    int64
	waiters waitList[int64]
}

// NewSemaphore returns a semaphore of size units, all free.
func NewSemaphore(e Env, size int64) *Semaphore {
	if size < 0 {
		panic("env: a semaphore of negative size")
	}
	return &Semaphore{size: size, free: size, waiters: waitList[int64]{env: e}}
}

// Acquire waits for n units and returns nil, or the cause of ctx's end, or
// ErrTooMany at once if there are fewer than n in all. What is free is given
// even if ctx has ended.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	mustCount(n)
	if n > s.size {
		return ErrTooMany
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.take(n) {
		return nil
	}
	_, err := s.waiters.wait(ctx, &s.mu, s.waiters.add(n), s.killed)
	if err != nil {
		s.admit() // those who were behind may fit
	}
	return err
}

// TryAcquire takes n units if they are free and nobody waits, and reports
// whether it did.
func (s *Semaphore) TryAcquire(n int64) bool {
	mustCount(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(n)
}

// Release gives n units back. It panics if fewer are taken.
func (s *Semaphore) Release(n int64) {
	mustCount(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.size-s.free {
		panic("env: a semaphore released more than was acquired")
	}
	s.free += n
	s.admit()
}

func (s *Semaphore) take(n int64) bool {
	if s.waiters.head != nil || n > s.free {
		return false
	}
	s.free -= n
	return true
}

func (s *Semaphore) admit() {
	for w := s.waiters.head; w != nil && w.val <= s.free; w = s.waiters.head {
		s.free -= w.val
		s.waiters.grant(w, nil)
	}
}

func (s *Semaphore) killed(granted *waiter[int64]) {
	if granted != nil {
		s.free += granted.val
	}
	s.admit()
}

func mustCount(n int64) {
	if n < 0 {
		panic("env: a negative number of units")
	}
}

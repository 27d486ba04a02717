// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"sync"
)

// Mutex is a lock that may be held while the task blocks, and whose waiting
// ends with a context. Tasks get it in the order of their arrival. For a short
// section that never blocks, use sync.Mutex.
type Mutex struct {
	mu      sync.Mutex
	locked  bool
	waiters waitList[struct{}]
}

// NewMutex returns an unlocked mutex.
func NewMutex(e Env) *Mutex {
	return &Mutex{waiters: waitList[struct{}]{env: e}}
}

// Lock waits until the calling task holds the mutex, and returns nil, or until
// ctx ends, and returns the cause of that. A free mutex is locked even if ctx
// has ended.
func (m *Mutex) Lock(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.locked {
		m.locked = true
		return nil
	}
	_, err := m.waiters.wait(ctx, &m.mu, m.waiters.add(struct{}{}), m.killed)
	return err
}

// TryLock locks the mutex if it is free, and reports whether it did.
func (m *Mutex) TryLock() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return false
	}
	m.locked = true
	return true
}

// Unlock hands the mutex to the task that waits longest, or frees it. It panics
// if the mutex is not locked. Any task may call it.
func (m *Mutex) Unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.locked {
		panic("env: unlock of an unlocked mutex")
	}
	m.handOver()
}

func (m *Mutex) handOver() {
	if w := m.waiters.head; w != nil {
		m.waiters.grant(w, nil)
		return
	}
	m.locked = false
}

func (m *Mutex) killed(granted *waiter[struct{}]) {
	if granted != nil {
		m.handOver()
	}
}

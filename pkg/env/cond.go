// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"sync"
)

// Cond lets tasks wait for a change of what a lock guards.
type Cond struct {
	guard   *sync.Mutex
	waiters waitList[struct{}]
}

// NewCond returns a condition on what guard guards.
func NewCond(e Env, guard *sync.Mutex) *Cond {
	return &Cond{guard: guard, waiters: waitList[struct{}]{env: e}}
}

// Wait blocks until the next Broadcast, and returns nil, or until ctx ends, and
// returns the cause of that. It is called with the guard held, lets go of it
// while it blocks and holds it again afterwards, also if it panics. The caller
// looks at the state again, in a loop.
func (c *Cond) Wait(ctx context.Context) error {
	_, err := c.waiters.wait(ctx, c.guard, c.waiters.add(struct{}{}), nil)
	return err
}

// Broadcast wakes all that wait. It is called with the guard held.
func (c *Cond) Broadcast() { c.waiters.grantAll(nil) }

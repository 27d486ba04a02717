// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"sync"
)

// Group is the tasks of something that is stopped as a whole.
type Group struct {
	env    Env
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running int
	idle    *Cond // running is 0
}

// NewGroup returns a group without tasks, whose tasks will run under a child of
// ctx that Stop ends. Stop must be called.
func NewGroup(e Env, ctx context.Context) *Group {
	g := &Group{env: e}
	g.ctx, g.cancel = WithCancel(ctx)
	g.idle = NewCond(e, &g.mu)
	return g
}

// Go runs f as a task of the group, or returns false if the group was stopped.
func (g *Group) Go(name string, f func(ctx context.Context)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.running++
	g.env.Go(name, func() {
		defer g.leave()
		f(g.ctx)
	})
	return true
}

// Stop refuses further tasks, ends the context of those that run, and does not
// wait for them. A task that has not begun still runs, with a context that has ended.
func (g *Group) Stop() {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.cancel()
}

// Wait blocks until no task of the group runs, and returns nil, or until ctx
// ends, and returns the cause of that. After Stop, no task will run again.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.running > 0 {
		if err := g.idle.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.running == 0 {
		g.idle.Broadcast()
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package locks holds a mutex where it must not. A comment "want X" says that the finding of its
// line contains X; a line without one is within the rules.
package locks

import (
	"context"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
)

type thing struct {
	mu    sync.Mutex
	rw    sync.RWMutex
	count int
}

func wait(context.Context) error { return nil }

func derive(ctx context.Context) context.Context { return ctx }

func (t *thing) deferred(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count > 0 {
		return wait(ctx) // want "while t.mu is held"
	}
	return nil
}

func (t *thing) released(ctx context.Context) error {
	t.mu.Lock()
	t.count++
	if t.count > 1 {
		t.mu.Unlock()
		return wait(ctx)
	}
	t.mu.Unlock()
	return wait(ctx)
}

func (t *thing) early(ctx context.Context) {
	t.rw.RLock()
	if err := wait(ctx); err != nil { // want "while t.rw is held"
		t.rw.RUnlock()
		return
	}
	for range 2 {
		_ = wait(ctx) // want "while t.rw is held"
	}
	switch {
	case t.count > 0:
		_ = wait(ctx) // want "while t.rw is held"
	}
	t.rw.RUnlock()
}

func (t *thing) inLiteral(ctx context.Context) func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = derive(ctx)
	_ = context.Cause(ctx)
	return func() {
		_ = wait(ctx)
		t.mu.Lock()
		_ = wait(ctx) // want "while t.mu is held"
		t.mu.Unlock()
	}
}

func (t *thing) handsOver(ctx context.Context, changed *env.Cond, other *env.Mutex) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := other.Lock(ctx); err != nil { // want "while t.mu is held"
		return err
	}
	return changed.Wait(ctx)
}

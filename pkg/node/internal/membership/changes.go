// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// news lets calls wait for the membership to change.
type news struct {
	mu   sync.Mutex
	next *env.Event
}

// wait blocks until the membership that is known changes from view, for so long at the most, or until ctx ends.
func (w *news) wait(ctx context.Context, e env.Env, k *Manager, view *registry.View, most time.Duration) {
	ctx, cancel := env.WithTimeout(e, ctx, most)
	defer cancel()
	w.mu.Lock()
	if w.next == nil {
		w.next = env.NewEvent(e)
	}
	next := w.next
	w.mu.Unlock()
	if k.Members() == view { // else it has changed since
		_ = next.Wait(ctx) // either way, the caller looks for itself
	}
}

// tell wakes those that wait.
func (w *news) tell() {
	w.mu.Lock()
	next := w.next
	w.next = nil
	w.mu.Unlock()
	if next != nil {
		next.Set()
	}
}

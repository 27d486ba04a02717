// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Barrier shares proofs among all reads of a node: one read of the store serves every one that arrived before it
// began. A read that comes while one is under way waits for the next.
type Barrier struct {
	env  env.Env
	read func() (registry.Proof, error)

	mu      sync.Mutex
	next    *env.Future[registry.Proof] // of those who wait for the next read
	running bool
}

// NewBarrier returns a barrier that proves claims by read, which blocks on the store.
func NewBarrier(e env.Env, read func() (registry.Proof, error)) *Barrier {
	return &Barrier{env: e, read: read}
}

// Wait returns a proof made of a read that began after the call.
func (b *Barrier) Wait(ctx context.Context) (registry.Proof, error) {
	b.mu.Lock()
	if b.next == nil {
		b.next = env.NewFuture[registry.Proof](b.env)
	}
	next, start := b.next, !b.running
	b.running = true
	b.mu.Unlock()
	if start {
		b.env.Go("barrier", b.run)
	}
	return next.Wait(ctx)
}

func (b *Barrier) run() {
	for {
		b.mu.Lock()
		f := b.next
		b.next = nil
		b.running = f != nil
		b.mu.Unlock()
		if f == nil {
			return
		}
		f.Complete(b.read())
	}
}

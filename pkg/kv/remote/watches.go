// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// watches bounds those who wait for a key to change, and ends them together.
type watches struct {
	// life ends with the service.
	life  context.Context
	end   context.CancelCauseFunc
	bytes *env.Semaphore

	mu sync.Mutex
	// perPeer counts by address; an address without watches is not in it.
	perPeer map[string]int
}

func (w *watches) init(e env.Env) {
	w.life, w.end = env.WithCancelCause(context.Background())
	w.bytes = env.NewSemaphore(e, watchBytesMax)
	w.perPeer = make(map[string]int)
}

func (w *watches) close() { w.end(kv.ErrUnavailable) }

// enter admits a watch of a peer. It returns a child of ctx that also ends, with
// kv.ErrUnavailable, with the service, and what to call after the watch.
func (w *watches) enter(ctx context.Context, peer string, size int) (context.Context, func(), error) {
	if w.life.Err() != nil {
		return nil, nil, toWire(kv.ErrUnavailable)
	}
	cost := int64(size + watchCost)
	if !w.bytes.TryAcquire(cost) {
		return nil, nil, api.Errorf(api.CodeOverloaded, "the store has %d bytes of watches", watchBytesMax)
	}
	if !w.count(peer) {
		w.bytes.Release(cost)
		return nil, nil, api.Errorf(api.CodeOverloaded, "there are %d watches of this connection", watchesPerPeerMax)
	}
	ctx, cancel := env.WithCancelCause(ctx)
	stop := env.OnDone(w.life, func() { cancel(kv.ErrUnavailable) })
	return ctx, func() {
		stop()
		cancel(nil)
		w.uncount(peer)
		w.bytes.Release(cost)
	}, nil
}

// count reports whether a peer may have one more watch, which it then has.
func (w *watches) count(peer string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.perPeer[peer] >= watchesPerPeerMax {
		return false
	}
	w.perPeer[peer]++
	return true
}

func (w *watches) uncount(peer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.perPeer[peer]--
	if w.perPeer[peer] == 0 {
		delete(w.perPeer, peer)
	}
}

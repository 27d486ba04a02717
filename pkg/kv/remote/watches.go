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
	life context.Context
	end  context.CancelCauseFunc

	mu    sync.Mutex
	total int
	// perPeer counts by address; an address without watches is not in it.
	perPeer map[string]int
}

func (w *watches) init() {
	w.life, w.end = env.WithCancelCause(context.Background())
	w.perPeer = make(map[string]int)
}

func (w *watches) close() { w.end(kv.ErrUnavailable) }

// enter admits a watch of a peer. It returns a child of ctx that also ends, with
// kv.ErrUnavailable, with the service, and what to call after the watch.
func (w *watches) enter(ctx context.Context, peer string) (context.Context, func(), error) {
	if w.life.Err() != nil {
		return nil, nil, toWire(kv.ErrUnavailable)
	}
	if !w.admit(peer) {
		return nil, nil, api.Errorf(api.CodeOverloaded, "too many watches: %d of one connection, %d in all", watchesPerPeerMax, watchesMax)
	}
	ctx, cancel := env.WithCancelCause(ctx)
	stop := env.OnDone(w.life, func() { cancel(kv.ErrUnavailable) })
	return ctx, func() {
		stop()
		cancel(nil)
		w.leave(peer)
	}, nil
}

func (w *watches) admit(peer string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.total >= watchesMax || w.perPeer[peer] >= watchesPerPeerMax {
		return false
	}
	w.total++
	w.perPeer[peer]++
	return true
}

func (w *watches) leave(peer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total--
	w.perPeer[peer]--
	if w.perPeer[peer] == 0 {
		delete(w.perPeer, peer)
	}
}

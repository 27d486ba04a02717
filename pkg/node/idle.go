// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// sweepsPerIdleTimeout is how often idle actors are looked for: they stay at most that
// fraction of their time too long.
const sweepsPerIdleTimeout = 10

// memoryLookedAt is how often it is looked whether activations take too many bytes.
const memoryLookedAt = 250 * time.Millisecond

// sweepMin and sweepMax bound the pause between two looks.
const sweepMin, sweepMax = 100 * time.Millisecond, time.Minute

// sweepForever deactivates idle actors.
func (h *host) sweepForever(ctx context.Context) {
	for env.Sleep(h.env, ctx, h.sweepInterval()) == nil {
		for _, s := range h.dispatcher.unusedSince(h.env.Monotonic() - h.shortestIdleTimeout()) {
			if !h.idle(s) {
				continue
			}
			if h.releases.Acquire(ctx, 1) != nil {
				return
			}
			h.startRelease(s)
		}
	}
}

// watchMemory deactivates actors while all together take too many bytes.
func (h *host) watchMemory(ctx context.Context) {
	if h.dispatcher.memoryLimit == 0 {
		return
	}
	for env.Sleep(h.env, ctx, memoryLookedAt) == nil {
		for h.dispatcher.excess() > 0 {
			if h.releases.Acquire(ctx, 1) != nil {
				return
			}
			s := h.dispatcher.surplus()
			if s == nil {
				h.releases.Release(1)
				break
			}
			h.goRelease(s)
		}
	}
}

// idle reports whether a slot has had no call for longer than its namespace's idle timeout.
func (h *host) idle(s *slot) bool {
	return s.idleSince(h.env.Monotonic() - h.keeper.settings(s.actor.Namespace).IdleTimeout)
}

// startRelease runs a slot to give its claim up, if it is idle still. It passes the permit of releases on.
func (h *host) startRelease(s *slot) {
	if !h.idle(s) || !s.claimForIdle() {
		h.releases.Release(1)
		return
	}
	h.goRelease(s)
}

// goRelease runs a slot that was claimed for release. It passes the permit of releases on.
func (h *host) goRelease(s *slot) {
	h.begin(s)
	h.env.Go("release", func() {
		defer h.releases.Release(1)
		h.runOwn(s)
	})
}

func (h *host) sweepInterval() time.Duration {
	return min(max(h.shortestIdleTimeout()/sweepsPerIdleTimeout, sweepMin), sweepMax)
}

// shortestIdleTimeout is that of the namespaces that the node hosts.
func (h *host) shortestIdleTimeout() time.Duration {
	shortest := DefaultIdleTimeout
	for _, ns := range h.keeper.members().Namespaces {
		if _, mine := h.kinds[ns.Name]; mine {
			shortest = min(shortest, ns.IdleTimeout)
		}
	}
	return shortest
}

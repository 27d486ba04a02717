// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
)

// sweepsPerIdleTimeout is how often idle actors are looked for: they stay at most that
// fraction of their time too long.
const sweepsPerIdleTimeout = 10

// memoryLookedAt is how often it is looked whether activations take too many bytes.
const memoryLookedAt = 250 * time.Millisecond

// sweepMin and sweepMax bound the pause between two looks.
const sweepMin, sweepMax = 100 * time.Millisecond, time.Minute

// SweepForever deactivates idle actors.
func (h *Host) SweepForever(ctx context.Context) {
	for env.Sleep(h.Env, ctx, h.sweepInterval()) == nil {
		for _, s := range h.Mailboxes.UnusedSince(h.Env.Monotonic() - h.shortestIdleTimeout()) {
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

// WatchMemory deactivates actors while all together take too many bytes.
func (h *Host) WatchMemory(ctx context.Context) {
	if h.Mailboxes.MemoryLimit == 0 {
		return
	}
	for env.Sleep(h.Env, ctx, memoryLookedAt) == nil {
		for h.Mailboxes.Excess() > 0 {
			if h.releases.Acquire(ctx, 1) != nil {
				return
			}
			s := h.Mailboxes.Surplus()
			if s == nil {
				h.releases.Release(1)
				break
			}
			h.goRelease(s)
		}
	}
}

// idle reports whether a mailbox has had no call for longer than its namespace's idle timeout.
func (h *Host) idle(s *mailbox.Mailbox) bool {
	return s.IdleSince(h.Env.Monotonic() - h.Members.Settings(s.Actor.Namespace).IdleTimeout)
}

// startRelease runs a mailbox to give its claim up, if it is idle still. It passes the permit of releases on.
func (h *Host) startRelease(s *mailbox.Mailbox) {
	if !h.idle(s) || !s.ClaimForIdle() {
		h.releases.Release(1)
		return
	}
	h.goRelease(s)
}

// goRelease runs a mailbox that was claimed for release. It passes the permit of releases on.
func (h *Host) goRelease(s *mailbox.Mailbox) {
	h.begin(s)
	h.releasing.Add(1)
	h.Env.Go("release", func() {
		defer h.releases.Release(1)
		mine := h.runSlot(s)
		h.releasing.Add(-1) // before it is finished: what runs beside releases is never counted short
		if mine {
			h.finished(s)
		}
	})
}

func (h *Host) sweepInterval() time.Duration {
	return min(max(h.shortestIdleTimeout()/sweepsPerIdleTimeout, sweepMin), sweepMax)
}

// shortestIdleTimeout is that of the namespaces that the node hosts.
func (h *Host) shortestIdleTimeout() time.Duration {
	shortest := membership.DefaultIdleTimeout
	for _, ns := range h.Members.Members().Namespaces {
		if _, mine := h.Kinds[ns.Name]; mine {
			shortest = min(shortest, ns.IdleTimeout)
		}
	}
	return shortest
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// releaseTimeout bounds the giving back of a claim. One that stays is as good as
// released when the node next claims the actor, or leaves.
const releaseTimeout = 10 * time.Second

// release deactivates an idle actor.
func (h *host) release(s *slot) {
	inTime, release := h.deactivate(s)
	if !inTime {
		return
	}
	activationOf(s).ended()
	if release {
		h.giveBack(activationOf(s))
	}
	s.resident = nil
}

func (h *host) giveBack(a *activation) {
	ctx, cancel := env.WithTimeout(h.env, context.WithoutCancel(h.ctx), releaseTimeout)
	defer cancel()
	err := h.releaseClaim(ctx, a)
	if err != nil {
		h.log.Warn("claim not released", "actor", a.actor.String(), "error", err)
	}
}

// releaseClaim gives an actor's claim back, and with it what the actor has to do. Until that is certain the node
// looks after it.
func (h *host) releaseClaim(ctx context.Context, a *activation) error {
	err := a.claim.Release(ctx)
	if due := a.dueAt(); err != nil && due != 0 {
		h.timers.soon(a.actor, due)
	} else if err == nil {
		h.timers.set(a.actor, 0)
	}
	return err
}

// releasesAtOnce is how many idle actors are deactivated at once: enough to keep up, few enough
// to leave the store to calls.
const releasesAtOnce = 32

// deactivate runs the hook of an activation that ends in good order. It ends whatever the hook says. release is
// whether the claim can be given back: not while something may still land that was committed through it.
func (h *host) deactivate(s *slot) (inTime, release bool) {
	a := activationOf(s)
	if a.destroyed {
		return true, true
	}
	ctx, cancel := env.WithTimeout(h.env, context.WithoutCancel(h.ctx), releaseTimeout)
	defer cancel()
	err := a.hook(ctx, "OnDeactivate", a.spec.Deactivate, nil)
	if errors.Is(err, errAbandoned) {
		return false, false
	}
	if err != nil {
		h.log.Warn("what an actor does at its deactivation has failed", "actor", a.actor.String(), "error", err)
	}
	if api.CodeOf(err) == api.CodeUnknown {
		return true, false
	}
	return true, api.CodeOf(a.settle()) != api.CodeUnknown
}

// deactivateAll deactivates the actors that want to be told of the end, a few at a time, until ctx ends.
func (h *host) deactivateAll(ctx context.Context) error {
	for _, s := range h.dispatcher.all() {
		spec := h.kinds[s.actor.Namespace]
		if spec == nil || spec.Deactivate == nil {
			continue
		}
		if err := h.releases.Acquire(ctx, 1); err != nil {
			return err
		}
		if !s.claimForRelease() {
			h.releases.Release(1)
			continue
		}
		h.goRelease(s)
	}
	if err := h.releases.Acquire(ctx, releasesAtOnce); err != nil { // all of them: nobody is at it any more
		return err
	}
	h.releases.Release(releasesAtOnce)
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
)

// ReleaseTimeout bounds the giving back of a claim. One that stays is as good as
// released when the node next claims the actor, or leaves.
const ReleaseTimeout = 10 * time.Second

// release deactivates an idle actor.
func (h *Host) release(s *mailbox.Mailbox) {
	release, err := h.Deactivate(s)
	if err != nil {
		return
	}
	activation.Of(s).Ended()
	if release {
		h.giveBack(activation.Of(s))
	}
	s.Resident = nil
}

func (h *Host) giveBack(a *activation.Activation) {
	ctx, cancel := env.WithTimeout(h.Env, context.WithoutCancel(h.Ctx), ReleaseTimeout)
	defer cancel()
	err := h.ReleaseClaim(ctx, a)
	if err != nil {
		h.Log.Warn("claim not released", "actor", a.Actor.String(), "error", err)
	}
}

// ReleaseClaim gives an actor's claim back, and with it what the actor has to do. Until that is certain the node
// looks after it.
func (h *Host) ReleaseClaim(ctx context.Context, a *activation.Activation) error {
	err := a.Claim.Release(ctx)
	if due := a.DueAt(); err != nil && due != 0 {
		h.Timers.Soon(a.Actor, due)
	} else if err == nil {
		h.Timers.Set(a.Actor, 0)
	}
	return err
}

// releasesAtOnce is how many idle actors are deactivated at once: enough to keep up, few enough
// to leave the store to calls.
const releasesAtOnce = 32

// Deactivate runs the hook of an activation that ends in good order. It ends whatever the hook says. release is
// whether the claim can be given back: not while something may still land that was committed through it. The error is
// call.ErrAbandoned: the mailbox is no longer the caller's.
func (h *Host) Deactivate(s *mailbox.Mailbox) (release bool, err error) {
	a := activation.Of(s)
	if a.Destroyed {
		return true, nil
	}
	ctx, cancel := env.WithTimeout(h.Env, context.WithoutCancel(h.Ctx), ReleaseTimeout)
	defer cancel()
	err = a.Hook(ctx, "OnDeactivate", a.Spec.Deactivate, nil)
	if errors.Is(err, call.ErrAbandoned) {
		return false, err
	}
	if err != nil {
		h.Log.Warn("what an actor does at its deactivation has failed", "actor", a.Actor.String(), "error", err)
	}
	if api.CodeOf(err) == api.CodeUnknown {
		return false, nil
	}
	return api.CodeOf(a.Settle()) != api.CodeUnknown, nil
}

// Finish blocks until no mailbox runs, once the table is stopping. Meanwhile it gives back the actors that are idle: no
// other node could take them until the longest handler has ended.
func (h *Host) Finish(ctx context.Context) error {
	if h.InFlight.Running() > 0 {
		h.InFlight.Begin()
		h.Env.Go("release idle actors", func() {
			defer h.InFlight.End()
			h.releaseIdle(ctx)
		})
	}
	return h.InFlight.Wait(ctx)
}

// releaseIdle deactivates the actors that are idle, a few at a time, while others run: with the last one the node
// leaves, which gives all of them back at once.
func (h *Host) releaseIdle(ctx context.Context) {
	for _, s := range h.Mailboxes.All() {
		if h.releases.Acquire(ctx, 1) != nil {
			return
		}
		if !h.othersRun() {
			h.releases.Release(1)
			return
		}
		if !s.ClaimForRelease() {
			h.releases.Release(1)
			continue
		}
		h.goRelease(s)
	}
}

// othersRun reports whether mailboxes run beside those that are being released, and the task that does so.
func (h *Host) othersRun() bool { return h.InFlight.Running()-int(h.releasing.Load()) > 1 }

// DeactivateAll deactivates the actors that want to be told of the end, a few at a time, until ctx ends.
func (h *Host) DeactivateAll(ctx context.Context) error {
	for _, s := range h.Mailboxes.All() {
		spec := h.Kinds[s.Actor.Namespace]
		if spec == nil || spec.Deactivate == nil {
			continue
		}
		if err := h.releases.Acquire(ctx, 1); err != nil {
			return err
		}
		if !s.ClaimForRelease() {
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

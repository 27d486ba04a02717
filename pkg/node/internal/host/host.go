// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"sync/atomic"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Host runs actors: it claims them, runs their calls and gives them back.
type Host struct {
	Deps
	InFlight mailbox.InFlight
	running  mailbox.Runners
	crashes  crashes
	// Arrivals are what other nodes send of actors that move here.
	Arrivals snapshot.Arrivals
	// releases bounds how many idle actors are deactivated at once, releasing counts them.
	releases  *env.Semaphore
	releasing atomic.Int64
}

// Deps are what a host is made of.
type Deps struct {
	activation.Parts
	Kinds     map[string]*kind.Spec
	Registry  *registry.Registry
	Mailboxes *mailbox.Table
	Tasks     *env.Group
}

// New returns a host, which runs the mailboxes of d.Mailboxes from then on.
func New(d Deps) *Host {
	h := &Host{Deps: d, releases: env.NewSemaphore(d.Env, releasesAtOnce)}
	h.Trials, h.Claims = activation.NewTrials(d.Env), env.NewSemaphore(d.Env, router.ClaimsAtOnce)
	h.Crashed, h.GiveUp = h.crashed, h.abandon
	h.InFlight.Drained = env.NewEvent(d.Env)
	h.Barrier = membership.NewBarrier(d.Env, func() (registry.Proof, error) {
		return d.Registry.Barrier(d.Ctx, d.Members.Member())
	})
	h.Mailboxes.Start, h.Mailboxes.StartAfter = h.startSlot, h.startSlotAfter
	return h
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Host runs actors: it claims them, runs their calls and gives them back.
type Host struct {
	HostDeps
	barrier *membership.Barrier

	Slots   mailbox.InFlight
	running mailbox.Runners
	crashes crashes
	trials  *trials
	// Arrivals are what other nodes send of actors that move here.
	Arrivals arrivals
	// releases bounds how many idle actors are deactivated at once.
	releases *env.Semaphore
	// claims bounds how many actors are claimed at once.
	claims *env.Semaphore
}

// HostDeps are what a host is made of.
type HostDeps struct {
	telemetry.Scope
	Kinds      map[string]*actor.Spec
	Registry   *registry.Registry
	Dispatcher *mailbox.Dispatcher
	Router     *router.Router
	Keeper     *membership.Keeper
	Contact    *membership.Contact
	Timers     *schedule.Timers
	Couriers   *schedule.Couriers
	Meter      *telemetry.Meter
	Tasks      *env.Group
	// MaxRecords and maxBatch are the node's Config.MaxRecords and Config.MaxBatch.
	MaxRecords, MaxBatch int
}

func NewHost(d HostDeps) *Host {
	h := &Host{
		HostDeps: d, trials: newTrials(d.Env),
		releases: env.NewSemaphore(d.Env, releasesAtOnce), claims: env.NewSemaphore(d.Env, router.ClaimsAtOnce),
	}
	h.Slots.Drained = env.NewEvent(d.Env)
	h.barrier = membership.NewBarrier(d.Env, func() (registry.Proof, error) { return d.Registry.Barrier(d.Ctx, d.Keeper.Member()) })
	h.Dispatcher.Start, h.Dispatcher.StartAfter = h.startSlot, h.startSlotAfter
	return h
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// host runs actors: it claims them, runs their calls and gives them back.
type host struct {
	hostDeps
	barrier *barrier

	slots   inFlight
	running runners
	crashes crashes
	trials  *trials
	// arrivals are what other nodes send of actors that move here.
	arrivals arrivals
	// releases bounds how many idle actors are deactivated at once.
	releases *env.Semaphore
	// claims bounds how many actors are claimed at once.
	claims *env.Semaphore
}

// hostDeps are what a host is made of.
type hostDeps struct {
	scope
	kinds      map[string]*actor.Spec
	registry   *registry.Registry
	dispatcher *dispatcher
	router     *router
	keeper     *keeper
	contact    *contact
	timers     *timers
	couriers   *couriers
	meter      *meter
	tasks      *env.Group
	// maxRecords and maxBatch are the node's Config.MaxRecords and Config.MaxBatch.
	maxRecords, maxBatch int
}

func newHost(d hostDeps) *host {
	h := &host{
		hostDeps: d, trials: newTrials(d.env),
		releases: env.NewSemaphore(d.env, releasesAtOnce), claims: env.NewSemaphore(d.env, claimsAtOnce),
	}
	h.slots.drained = env.NewEvent(d.env)
	h.barrier = newBarrier(d.env, func() (registry.Proof, error) { return d.registry.Barrier(d.ctx, d.keeper.member()) })
	h.dispatcher.start, h.dispatcher.startAfter = h.startSlot, h.startSlotAfter
	return h
}

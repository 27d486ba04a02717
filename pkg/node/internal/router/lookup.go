// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package router

import (
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// When a node dies that has very many actors, all their calls look for them elsewhere at once. What that asks of the
// store, and of the nodes that take them, is bounded: owners are looked up once for all calls of an actor that want
// it, and so many at a time; while the lease of a dead node runs out nobody asks whether it has, as the membership
// tells; and so many actors are claimed at a time.

const (
	// lookupsAtOnce and claimsAtOnce are how many owners a node looks up, and how many actors it claims, at once:
	// enough to fill the store's batches, few enough to leave it to those who have their actors.
	lookupsAtOnce = 128
	// ClaimsAtOnce is how many actors a node claims at once.
	ClaimsAtOnce = 256
	// awaitedMax is how long a call waits for news of a node that does not answer before it asks the store again: the
	// actor may have been taken from that node by itself.
	awaitedMax = time.Second
)

// lookups are the questions to the store who owns an actor.
type lookups struct {
	telemetry.Scope
	registry *registry.Registry
	router   *Router
	permits  *env.Semaphore

	mu sync.Mutex
	// waiting are the calls of each actor whose owner is being looked up, or is about to be.
	waiting map[api.ActorID][]*call.Call
}

func newLookups(s telemetry.Scope, r *registry.Registry, to *Router) *lookups {
	return &lookups{Scope: s, registry: r, router: to, permits: env.NewSemaphore(s.Env, lookupsAtOnce),
		waiting: make(map[api.ActorID][]*call.Call)}
}

// lookup has then run, in a task, with each of the calls of an actor and who owns it. It does not block.
func (l *lookups) lookup(c *call.Call) {
	l.mu.Lock()
	calls, begun := l.waiting[c.Actor]
	l.waiting[c.Actor] = append(calls, c)
	l.mu.Unlock()
	if !begun {
		l.Env.Go("locate", func() { l.run(c.Actor) })
	}
}

// run looks up the owner of an actor for those that wait by the time that it is known: it is no more than a hint.
func (l *lookups) run(id api.ActorID) {
	n := l
	owner, err := l.owner(id)
	l.mu.Lock()
	calls := l.waiting[id]
	delete(l.waiting, id)
	l.mu.Unlock()
	for _, c := range calls {
		if api.CodeOf(err) == api.CodeCorruptState {
			n.router.Again(c, err)
			continue
		}
		if err != nil {
			n.router.Again(
				c, api.Errorf(api.CodeUnavailable, "actor %s: its owner could not be looked up: %v", id, err))
			continue
		}
		n.router.located(c, owner)
	}
}

// lookupTimeout bounds a lookup: the calls that wait for it try again then.
const lookupTimeout = 5 * time.Second

func (l *lookups) owner(id api.ActorID) (registry.Owner, error) {
	n := l
	ctx, cancel := env.WithTimeout(n.Env, n.Ctx, lookupTimeout)
	defer cancel()
	if err := l.permits.Acquire(ctx, 1); err != nil {
		return registry.Owner{}, err
	}
	defer l.permits.Release(1)
	return n.registry.Owner(ctx, id)
}

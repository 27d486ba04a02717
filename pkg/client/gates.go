// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// callsPerActorMax is the maximum number of calls in flight from a client to one actor: half of an actor's
// mailbox. Others wait for their turn in the client, and are born when it comes. Without that they would be refused
// and come again, in no order: the unlucky ones late, while the actor must keep the answers of all that came after
// them.
const callsPerActorMax = 500

// gates limit how many calls to each actor are in flight.
type gates struct {
	env env.Env

	mu  sync.Mutex
	all map[api.ActorID]*gate
}

// gate is that to one actor.
type gate struct {
	through int
	queue   []*env.Event
}

// enter waits for the turn of a call, which must leave in the end. An error is CodeOverloaded: ctx ended first.
func (g *gates) enter(ctx context.Context, id api.ActorID) error {
	g.mu.Lock()
	at := g.all[id]
	if at == nil {
		at = new(gate)
		g.all[id] = at
	}
	if at.through < callsPerActorMax {
		at.through++
		g.mu.Unlock()
		return nil
	}
	turn := env.NewEvent(g.env)
	at.queue = append(at.queue, turn)
	g.mu.Unlock()
	if turn.Wait(ctx) == nil {
		return nil
	}
	g.mu.Lock()
	i := slices.Index(at.queue, turn)
	if i >= 0 {
		at.queue = slices.Delete(at.queue, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // its turn came just now
		g.leave(id)
	}
	return api.Errorf(api.CodeOverloaded, "this client already has %d calls to %s in flight; wait for some, or "+
		"make fewer at a time", callsPerActorMax,
		id)
}

// leave lets the next call through.
func (g *gates) leave(id api.ActorID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all[id]
	if len(at.queue) > 0 {
		at.queue[0].Set()
		at.queue = at.queue[1:]
		return
	}
	if at.through--; at.through == 0 {
		delete(g.all, id)
	}
}

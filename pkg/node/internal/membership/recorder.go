// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// eventsGathered is how long events gather until they are stored together. A node that is killed takes those of
	// that time with it.
	eventsGathered = 3 * time.Second
	// eventsFullPause is how long a store is left alone that takes no writes because its disk is almost full.
	eventsFullPause = time.Minute
	// eventsDroppedEvery is how often the events of nodes are looked for that have told nothing for long.
	eventsDroppedEvery = time.Hour
)

// Recorder stores the node's events. While the store does not take them they wait where they are told, in a bounded
// list. It writes only when there are new ones, and so deletes old ones only then: without new ones there are no more
// of those than before.
type Recorder struct {
	telemetry.Scope
	registry *registry.Registry
	members  *Manager
	contact  *Contact

	// turn is of who stores events.
	turn *env.Mutex
	// marks are of what is stored, in order of number, once that is known.
	marks []registry.EventMark
	known bool
	// looked is when the events of others were last looked at, if ever.
	looked time.Duration
	ever   bool
	// failing is whether the last attempt has failed.
	failing bool
}

// NewRecorder returns a recorder of what happens in a scope, by a member that is to join.
func NewRecorder(s telemetry.Scope, r *registry.Registry, members *Manager, contact *Contact) *Recorder {
	return &Recorder{Scope: s, registry: r, members: members, contact: contact, turn: env.NewMutex(s.Env)}
}

// Run stores events as they come, until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	for r.Events.Await(ctx) == nil && env.Sleep(r.Env, ctx, eventsGathered) == nil {
		if r.contact.Err() != nil {
			continue // and they wait
		}
		switch err := r.store(ctx); {
		case err == nil:
			r.dropOld(ctx)
		case errors.Is(err, kv.ErrFull):
			_ = env.Sleep(r.Env, ctx, eventsFullPause) // only ctx can end it
		}
	}
}

// Finish stores what waits, if the store takes it before ctx ends.
func (r *Recorder) Finish(ctx context.Context) {
	r.Events.Flush(r.Env.Now())
	if err := r.store(ctx); err != nil {
		if waiting := len(r.Events.Waiting()); waiting > 0 {
			r.Log.Warn("the last events of this node are not stored", "events", waiting, "error", err)
		}
	}
}

// store stores the events that wait. What fails is logged once.
func (r *Recorder) store(ctx context.Context) error {
	ctx, cancel := env.WithTimeout(r.Env, ctx, r.members.Member().Meta.LeaseTTL)
	defer cancel()
	if err := r.turn.Lock(ctx); err != nil {
		return err
	}
	defer r.turn.Unlock()
	r.tellLost()
	err := r.storeWaiting(ctx)
	switch {
	case err == nil:
		r.failing = false
	case ctx.Err() != nil || r.contact.Err() != nil || api.CodeOf(err) == api.CodeFenced: // which is said elsewhere
	case !r.failing:
		r.failing = true
		r.Log.Warn("events are not stored: they wait in memory", "error", err)
	}
	return err
}

// tellLost tells of events that were dropped because they could not be stored.
func (r *Recorder) tellLost() {
	lost := r.Events.Lost()
	if lost == 0 {
		return
	}
	r.Log.Warn("events were dropped before they could be stored", "events", lost)
	r.Happened(api.Event{Kind: api.EventEventsLost, Node: r.NodeID,
		Cause: fmt.Sprintf("%d of its events were dropped: more than %d waited for the store", lost, api.EventsKept)})
}

func (r *Recorder) storeWaiting(ctx context.Context) error {
	waiting := r.Events.Waiting()
	if len(waiting) == 0 {
		return nil
	}
	if !r.known {
		marks, err := r.registry.EventMarks(ctx, r.NodeID)
		if err != nil {
			return err
		}
		r.marks, r.known = marks, true
	}
	now := r.Env.Now()
	marks := r.marks[oldMarks(r.marks, len(waiting), now):]
	from := waiting[0].Number
	if len(marks) > 0 {
		from = marks[0].Number
	}
	if len(marks) == len(r.marks) {
		from = 0 // nothing to delete
	}
	if err := r.registry.StoreEvents(ctx, r.members.Member(), waiting, from); err != nil {
		return err
	}
	for i := range waiting {
		marks = append(marks, registry.MarkOf(&waiting[i]))
	}
	r.marks = marks
	r.Events.Stored(waiting[len(waiting)-1].Number)
	return nil
}

// oldMarks returns how many of those that are stored are to be deleted when more are stored.
func oldMarks(marks []registry.EventMark, more int, now time.Time) int {
	old := max(len(marks)+more-api.EventsKept, 0)
	for old < len(marks) && registry.EventOld(marks[old].At, now) {
		old++
	}
	return min(old, len(marks))
}

// dropOld deletes, now and then, the events of nodes that have told nothing for long and may never come back. One
// member does it for all: all tell of members that come and go, so it has its turn while there are ever more of them.
func (r *Recorder) dropOld(ctx context.Context) {
	now := r.Env.Monotonic()
	members := r.members.Members().Members()
	if r.ever && now-r.looked < eventsDroppedEvery || len(members) == 0 || members[0].ID != r.NodeID {
		return
	}
	r.looked, r.ever = now, true
	nodes, err := r.registry.DropOldEvents(ctx, r.Env.Now())
	if err != nil {
		r.Log.Debug("old events of nodes not deleted", "error", err)
	}
	if len(nodes) > 0 {
		r.Log.Info("deleted the events of nodes that have told nothing for long", "nodes", nodes)
	}
}

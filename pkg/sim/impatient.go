// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Impatient clients call slow actors with deadlines that often pass while the call waits for its turn, or give up
// before: such a call must not run any more.

// slow is the namespace of the actors whose handlers take their time.
const slow = "slow"

// chore is what a slow actor is asked to do.
type chore struct {
	// Takes is how long the handler does not return, by its node's clock.
	Takes time.Duration
	// Until is when the caller stops waiting, in simulated time.
	Until time.Duration
}

const (
	// impatienceMin and impatienceMax are how long an impatient client waits for an answer.
	impatienceMin, impatienceMax = 100 * time.Millisecond, time.Second
	// choreMin and choreMax are how long a handler takes that takes long.
	choreMin, choreMax = 50 * time.Millisecond, 1500 * time.Millisecond
	// tripsMax is what the trips of a call from node to node may add to its deadline, when nothing holds messages up:
	// a deadline travels as what is left of it.
	tripsMax = time.Second
)

// delaying are the faults that hold messages up on their way, or have clocks disagree.
var delaying = []string{"pause", "slow", "clock", "drift", "partition", "oneway", "clog"}

// slowKind are the slow actors as a process hosts them. They do what they are asked to whatever their context says,
// as a handler does that waits for something outside.
func (l *life) slowKind() actor.Kind {
	kind := actor.New[counterState](slow).
		With(actor.WriteFunc("work", func(ctx *actor.Context, s *counterState, c chore) (int64, error) {
			l.begins(ctx, c)
			_ = env.Sleep(l.env, context.Background(), c.Takes) // nothing ends it
			s.N++
			return s.N, nil
		})).
		With(actor.ReadFunc("done", func(ctx *actor.Context, s *counterState, c chore) (int64, error) {
			l.begins(ctx, c)
			return s.N, nil
		}))
	kind.Spec().IdleTimeout, kind.Spec().Placement = l.IdleTimeout, l.Placement
	return kind
}

// tripsMost is tripsMax, or what the longest messages of a network between regions add to it on the two trips of a
// call.
func (w *world) tripsMost() time.Duration {
	if w.NetDelay < farDelay || w.Tail == 0 {
		return tripsMax
	}
	return tripsMax + 2*tailFactor*(3*w.NetDelay/2)
}

// begins checks that somebody waits for a call whose handler begins: by the node's own clock, which no fault has a
// say in, and by the caller's, if they can be compared. Nothing comes between the node's own look and this one.
func (l *life) begins(ctx *actor.Context, c chore) {
	over := l.now() - c.Until
	switch err := ctx.Err(); {
	case err != nil:
		l.violate("deadlines", "%s begins a call of %s that has ended for it: %v; its caller's deadline was %v ago",
			l.name, ctx.Self(), err, over)
	case c.Until > 0 && over > l.tripsMost() && !l.delays():
		l.violate("deadlines", "%s begins a call of %s whose caller's deadline was %v ago", l.name, ctx.Self(), over)
	}
}

// delays reports whether something may hold messages up for long.
func (c *Config) delays() bool {
	return slices.ContainsFunc(c.Faults, func(f string) bool { return slices.Contains(delaying, f) })
}

func impatientWork(k *worker) {
	for k.more() {
		k.beImpatient(k.target("impatient"))
	}
}

// beImpatient makes a call with a short deadline, and at times gives it up before that.
func (k *worker) beImpatient(id api.ActorID) {
	patience := impatienceMin + k.random.Jitter(impatienceMax-impatienceMin)
	ctx, cancel := env.WithTimeout(k.env, k.ctx, patience)
	defer cancel()
	if k.random.IntN(3) == 0 {
		defer k.env.AfterFunc(k.random.Jitter(patience), cancel).Stop()
	}
	method, c := "done", chore{Until: k.now() + patience}
	if k.random.IntN(6) > 0 {
		method = "work"
	}
	if k.random.IntN(4) == 0 {
		c.Takes = choreMin + k.random.Jitter(choreMax-choreMin)
	}
	k.give(ctx, id, method, c)
}

// give makes a call and records it. That it was given up is its caller's own doing: nobody knows whether it has run.
func (k *worker) give(ctx context.Context, id api.ActorID, method string, c chore) {
	op := k.history.begin(k.now(), k.name, id, method, c)
	out, err := client.Call[int64](ctx, k.client, id, method, c)
	if api.CodeOf(err) == api.CodeCancelled && ctx.Err() != nil {
		err = api.Errorf(api.CodeDeadlineExceeded, "given up: %v", err)
	}
	k.history.end(k.now(), op, out, err)
	k.events.op(op)
}

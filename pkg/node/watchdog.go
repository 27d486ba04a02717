// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// A handler that does not return keeps its actor from everybody. Nothing can end it from outside; but the activation
// can be given up: its slot leaves the dispatcher, the calls that waited are routed anew, and the next activation
// takes the claim again, under the next token. When the handler returns at last, nobody looks at what it did, and the
// claim that it could commit under is no longer the actor's.
//
// What the handler ran for has failed: its caller is told so, and an alarm, or a message that is tried for the last
// time, is counted as failed by the first thing that the next activation does. Otherwise it would hang again and
// again, and what is behind it would wait for ever.

// errGivenUp says that an actor could not be asked to stop.
func errGivenUp(id api.ActorID) error {
	return api.Errorf(api.CodeUnavailable, "actor %s: a handler does not return, and its activation was given up", id)
}

// handlerReported is how long a handler runs before that is said in the log.
const handlerReported = 10 * time.Second

// handlersLookedAt is how often that is looked for.
const handlersLookedAt = time.Second

// watchHandlers reports handlers that do not return, and gives their activations up.
func (h *host) watchHandlers(ctx context.Context) {
	for env.Sleep(h.env, ctx, handlersLookedAt) == nil {
		now := h.env.Monotonic()
		for _, s := range h.running.longer(now - handlerReported) {
			what, ran, first, overdue := s.overdue(now)
			switch {
			case overdue:
				h.abandon(s)
				h.happened(api.Event{Kind: api.EventAbandoned, Node: h.nodeID, Actor: s.actor.String(),
					Count: 1, Cause: fmt.Sprintf("%s has run for %v, and its callers have given up", what,
						ran.Round(time.Second))})
				h.log.Error("a handler has not returned: its activation is given up, and it may run on", "actor",
					s.actor.String(), "handler", what, "for", ran)
			case first:
				h.happened(api.Event{Kind: api.EventStuck, Node: h.nodeID, Actor: s.actor.String(), Count: 1,
					Cause: fmt.Sprintf("%s has run for %v", what, ran.Round(time.Second))})
				h.log.Warn("a handler does not return", "actor", s.actor.String(), "handler", what, "for", ran)
			}
		}
	}
}

// noteTimeout is how long a slot is kept that is to take note of an abandoned handler, while hooks hang that run first.
const noteTimeout = 2 * time.Minute

// abandon gives up the activation of a slot whose handler does not return, unless it just has.
func (h *host) abandon(s *slot) {
	g, abandoned := h.dispatcher.abandon(s, h.env.Monotonic(), h.noteOf)
	if !abandoned {
		return
	}
	h.couriers.detach(s)
	for _, c := range g.controls {
		c.abort(errGivenUp(s.actor))
	}
	if g.heir != nil {
		h.env.Go("actor", func() { h.runOwn(g.heir) })
	}
	if g.next != nil {
		h.startSlot(g.next)
	}
	h.finished(s)
	for _, c := range g.calls {
		switch {
		case c == g.running:
			c.finish(nil, "", errHangs(c))
		case h.env.Monotonic() >= c.deadline:
			c.finish(nil, "", api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed while a handler ran",
				c.actor))
		default:
			h.router.again(c, errMoved(c.actor))
		}
	}
}

// errHangs is the error of a call whose handler does not return.
func errHangs(c *call) *api.Error {
	err := api.Errorf(api.CodeDeadlineExceeded, "actor %s: method %s did not return by its deadline, nor %v later",
		c.actor, clip(c.method), handlerGrace)
	err.Detail = map[string]string{api.DetailRan: "true"}
	return err
}

// noteOf returns the own call by which the next activation takes note that the handler of a call did not return, nil
// if it need not: who waits for an answer, or will try again, counts itself.
func (h *host) noteOf(c *call) *call {
	if c == nil || c.alarm == nil && (c.number == 0 || c.flags&api.InvokeLastTry == 0) {
		return nil
	}
	return &call{
		actor: c.actor, method: methodSettle, own: true, abandoned: c, flags: api.InvokeForwarded,
		context:  h.life,
		deadline: h.env.Monotonic() + noteTimeout,
		finish:   func([]byte, string, error) {},
	}
}

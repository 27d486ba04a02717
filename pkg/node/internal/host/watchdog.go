// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
)

// A handler that does not return keeps its actor from everybody. Nothing can end it from outside; but the activation
// can be given up: its mailbox leaves the table of mailboxes, the calls that waited are routed anew, and the next
// activation takes the claim again, under the next token. When the handler returns at last, nobody looks at what it
// did, and the claim that it could commit under is no longer the actor's.
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

// WatchHandlers reports handlers that do not return, and gives their activations up.
func (h *Host) WatchHandlers(ctx context.Context) {
	for env.Sleep(h.Env, ctx, handlersLookedAt) == nil {
		now := h.Env.Monotonic()
		for _, s := range h.running.Longer(now - handlerReported) {
			what, ran, first, overdue := s.Overdue(now)
			switch {
			case overdue:
				h.abandon(s)
				h.Happened(api.Event{Kind: api.EventAbandoned, Node: h.NodeID, Actor: s.Actor.String(),
					Count: 1, Cause: fmt.Sprintf("%s has run for %v, and its callers have given up", what,
						ran.Round(time.Second))})
				h.Log.Error("a handler has not returned: its activation is given up, and it may run on", "actor",
					s.Actor.String(), "handler", what, "for", ran)
			case first:
				h.Happened(api.Event{Kind: api.EventStuck, Node: h.NodeID, Actor: s.Actor.String(), Count: 1,
					Cause: fmt.Sprintf("%s has run for %v", what, ran.Round(time.Second))})
				h.Log.Warn("a handler does not return", "actor", s.Actor.String(), "handler", what, "for", ran)
			}
		}
	}
}

// noteTimeout is how long a mailbox is kept that is to take note of an abandoned handler, while hooks hang that run
// first.
const noteTimeout = 2 * time.Minute

// abandon gives up the activation of a mailbox whose handler does not return, unless it just has.
func (h *Host) abandon(s *mailbox.Mailbox) {
	g, abandoned := h.Mailboxes.Abandon(s, h.Env.Monotonic(), h.noteOf)
	if !abandoned {
		return
	}
	h.Outboxes.Detach(s)
	for _, c := range g.Controls {
		c.Abort(errGivenUp(s.Actor))
	}
	if g.Successor != nil {
		h.Env.Go("actor", func() { h.runOwn(g.Successor) })
	}
	if g.Next != nil {
		h.startSlot(g.Next)
	}
	h.finished(s)
	for _, c := range g.Calls {
		switch {
		case c == g.Running:
			c.Finish(nil, "", activation.ErrHangs(c))
		case h.Env.Monotonic() >= c.Deadline:
			c.Finish(nil, "", api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed while a handler ran",
				c.Actor))
		default:
			h.Router.Again(c, call.ErrMoved(c.Actor))
		}
	}
}

// noteOf returns the own call by which the next activation takes note that the handler of a call did not return, nil
// if it need not: who waits for an answer, or will try again, counts itself.
func (h *Host) noteOf(c *call.Call) *call.Call {
	if c == nil || c.Alarm == nil && (c.Number == 0 || c.Flags&api.InvokeLastTry == 0) {
		return nil
	}
	return &call.Call{
		Actor: c.Actor, Method: activation.MethodSettle, Own: true, Abandoned: c, Flags: api.InvokeForwarded,
		Context:  h.Life,
		Deadline: h.Env.Monotonic() + noteTimeout,
		Finish:   func([]byte, string, error) {},
	}
}

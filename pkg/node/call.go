// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// defaultDeadline is for callers that name none: every call ends.
const defaultDeadline = 30 * time.Second

// call is one call on its way through the node. It is in one place at a time, and leaves by finish.
type call struct {
	actor  api.ActorID
	method string
	key    api.CallKey
	chain  []api.ActorID // whose handlers wait for it
	body   []byte
	flags  api.InvokeFlags
	// sender has sent the call, as that number of its messages; 0 for a call that somebody waits for.
	sender api.ActorID
	number uint64
	// own calls are made by the activation of itself, to run alarm if that is not nil.
	own   bool
	alarm *alarm
	// abandoned is the call whose handler did not return, for which an own call takes note of that.
	abandoned *call
	// deadline is on the node's monotonic clock.
	deadline time.Duration
	// context returns what the handler gets.
	context func() context.Context
	// finish answers the caller, exactly once. owner is the address of the node that has the actor, if that is
	// another one. It does not block.
	finish func(body []byte, owner string, err error)

	// entered is when the mailbox took it.
	entered time.Duration

	// What routing has learnt so far.
	attempts int
	refused  []registry.Refusal // nodes that had no room
	nowhere  error              // why no node had, the last time that all were asked
	doubtful bool               // a try may have run, its answer lost
	silent   string             // the node that owns the actor, and did not answer
}

// runBy is when the handler is to have returned.
func (c *call) runBy() time.Duration {
	if c.flags&api.InvokePatient != 0 {
		return c.deadline - answerMargin
	}
	return c.deadline
}

// handlerContext returns the context that the handler gets, which ends at runBy.
func (c *call) handlerContext(e env.Env) (context.Context, context.CancelFunc) {
	if c.flags&api.InvokePatient == 0 {
		return c.context(), func() {}
	}
	return env.WithDeadlineAt(e, c.context(), c.runBy())
}

// doubt notes that a try may have run. That a later one has certainly not is then no longer the
// whole truth, and the caller is told that nobody knows.
func (c *call) doubt() {
	if c.doubtful {
		return
	}
	c.doubtful = true
	finish := c.finish
	c.finish = func(body []byte, owner string, err error) {
		err = withoutBirth(err)
		if notRun(err) {
			err = api.Errorf(api.CodeUnknown, "actor %s may have run the call: an answer was lost, and then: %v",
				c.actor, err)
		}
		finish(body, owner, err)
	}
}

func (c *call) validate() error {
	if err := c.actor.Validate(); err != nil {
		return err
	}
	if c.number != 0 {
		if err := c.sender.Validate(); err != nil {
			return err
		}
	}
	switch {
	case c.method == "" || len(c.method) > api.MethodBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "method name of %d bytes: must have 1 to %d", len(c.method),
			api.MethodBytesMax)
	case len(c.key.Name) > api.IdempotencyKeyBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "idempotency key of %d bytes: must have at most %d",
			len(c.key.Name), api.IdempotencyKeyBytesMax)
	case len(c.key.Client) > api.ClientBytesMax || len(c.key.Path) > api.PathBytesMax ||
		c.key.Counter > math.MaxInt64 || c.number > math.MaxInt64:
		return api.Errorf(api.CodeInvalidArgument, "malformed key of a call")
	case len(c.body) > api.PayloadBytesMax:
		return api.Errorf(api.CodeTooLarge, "request of %d bytes to %s: must have at most %d", len(c.body), c.actor,
			api.PayloadBytesMax)
	}
	return nil
}

// refusedBy notes that a node did not take the call's actor.
func (c *call) refusedBy(node string, err error) {
	reason := ""
	if e, ok := errors.AsType[*api.Error](err); ok {
		reason = e.Detail[api.DetailRefused]
	}
	c.refused = append(c.refused, registry.Refusal{Node: node, Reason: reason})
}

// retried reports whether an answer to an earlier try of the call was lost.
func (c *call) retried() bool { return c.doubtful || c.flags&api.InvokeRetry != 0 }

// repeats reports whether the call comes again and again until it is done.
func (c *call) repeats() bool { return c.retried() || c.number != 0 || c.alarm != nil }

// activateTimeout bounds one attempt at activating an actor; its calls then try again, elsewhere if need be.
const activateTimeout = 10 * time.Second

const answerMargin = handlerGrace + 5*time.Second

// handlerGrace is how long after the end of its context a handler may take to return before its activation is
// given up.
const handlerGrace = 10 * time.Second

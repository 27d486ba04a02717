// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// DefaultDeadline is for callers that name none: every call ends.
const DefaultDeadline = 30 * time.Second

// Call is one call on its way through the node. It is in one place at a time, and leaves by finish.
type Call struct {
	Actor  api.ActorID
	Method string
	Key    api.CallKey
	Chain  []api.ActorID // whose handlers wait for it
	Body   []byte
	Flags  api.InvokeFlags
	// Sender has sent the call, as that number of its messages; 0 for a call that somebody waits for.
	Sender api.ActorID
	Number uint64
	// Own calls are made by the activation of itself, to run alarm if that is not nil.
	Own   bool
	Alarm *Alarm
	// Abandoned is the call whose handler did not return, for which an own call takes note of that.
	Abandoned *Call
	// Deadline is on the node's monotonic clock.
	Deadline time.Duration
	// AnswerBy is the latest time at which a caller on another machine is told that its call could not be placed, so
	// that it hears so before its deadline; 0 is the deadline.
	AnswerBy time.Duration
	// Context returns what the handler gets.
	Context func() context.Context
	// OnGone has f called, once, when the caller gives up before Finish, or at once if it has. f replaces the one given
	// before. f must not block. Gone reports whether the caller has given up. Both are nil for a call that is never
	// given up.
	OnGone func(f func())
	Gone   func() bool
	// Finish answers the caller, exactly once. owner is the address of the node that has the actor, if that is
	// another one. It does not block.
	Finish func(body []byte, owner string, err error)

	// Entered is when the mailbox took it.
	Entered time.Duration

	// What routing has learnt so far.
	Attempts int
	Refused  []registry.Refusal // nodes that had no room
	Nowhere  error              // why no node had, the last time that all were asked
	// StateVersion is that of the actor's state, if a node can't read it.
	StateVersion uint32
	doubtful     bool   // a try may have run, its answer lost
	Silent       string // the node that owns the actor, and did not answer
}

const (
	// AnswerTripMax is the most time that is left for the trip of an answer that a call could not be placed: a caller
	// whose deadline passes first only knows that the call may have run.
	AnswerTripMax = 500 * time.Millisecond
	// AnswerTripPart is the part of a call's time that is left for it, if that is less.
	AnswerTripPart = 10
)

// PlacedBy is until when the call may be routed.
func (c *Call) PlacedBy() time.Duration {
	if c.AnswerBy == 0 {
		return c.Deadline
	}
	return c.AnswerBy
}

// RunBy is when the handler is to have returned.
func (c *Call) RunBy() time.Duration {
	if c.Flags&api.InvokePatient != 0 {
		return c.Deadline - AnswerMargin
	}
	return c.Deadline
}

// HandlerContext returns the context that the handler gets, which ends at runBy.
func (c *Call) HandlerContext(e env.Env) (context.Context, context.CancelFunc) {
	if c.Flags&api.InvokePatient == 0 {
		return c.Context(), func() {}
	}
	return env.WithDeadlineAt(e, c.Context(), c.RunBy())
}

// GivenUpWith ties a call to ctx: its caller gives up when that ends. It is for a call that has its Finish.
func (c *Call) GivenUpWith(ctx context.Context) {
	stop := func() bool { return true }
	c.Gone = func() bool { return ctx.Err() != nil }
	c.OnGone = func(f func()) {
		stop()
		stop = env.OnDone(ctx, f)
	}
	finish := c.Finish
	c.Finish = func(body []byte, owner string, err error) {
		stop()
		finish(body, owner, err)
	}
}

// EndedBy returns the error of a call that was tied to ctx: why ctx has ended, if the call was given up because it has.
func EndedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil && api.CodeOf(err) == api.CodeCancelled {
		return context.Cause(ctx)
	}
	return err
}

// Doubt notes that a try may have run. That a later one has certainly not is then no longer the
// whole truth, and the caller is told that nobody knows.
func (c *Call) Doubt() {
	if c.doubtful {
		return
	}
	c.doubtful = true
	finish := c.Finish
	c.Finish = func(body []byte, owner string, err error) {
		err = WithoutBirth(err)
		if NotRun(err) {
			err = api.Errorf(api.CodeUnknown, "actor %s may have run the call: an answer was lost, and then: %v",
				c.Actor, err)
		}
		finish(body, owner, err)
	}
}

// Validate checks what has come from outside of the node. Errors are CodeInvalidArgument and CodeTooLarge.
func (c *Call) Validate() error {
	if err := c.Actor.Validate(); err != nil {
		return err
	}
	if c.Number != 0 {
		if err := c.Sender.Validate(); err != nil {
			return err
		}
	}
	switch {
	case c.Method == "" || len(c.Method) > api.MethodBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "method name of %d bytes: must have 1 to %d", len(c.Method),
			api.MethodBytesMax)
	case len(c.Key.Name) > api.IdempotencyKeyBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "idempotency key of %d bytes: must have at most %d",
			len(c.Key.Name), api.IdempotencyKeyBytesMax)
	case len(c.Key.Client) > api.ClientBytesMax || len(c.Key.Path) > api.PathBytesMax ||
		c.Key.Counter > math.MaxInt64 || c.Number > math.MaxInt64:
		return api.Errorf(api.CodeInvalidArgument, "malformed key of a call")
	case len(c.Body) > api.PayloadBytesMax:
		return api.Errorf(api.CodeTooLarge, "request of %d bytes to %s: must have at most %d", len(c.Body), c.Actor,
			api.PayloadBytesMax)
	}
	return nil
}

// RefusedBy notes that a node did not take the call's actor.
func (c *Call) RefusedBy(node string, err error) {
	reason := ""
	if e, ok := errors.AsType[*api.Error](err); ok {
		reason = e.Detail[api.DetailRefused]
	}
	c.Refused = append(c.Refused, registry.Refusal{Node: node, Reason: reason})
	if v, ok := stateVersion(err); ok {
		c.StateVersion = v
	}
}

// stateVersion returns the version of the state for which an error refuses an actor, and whether it does.
func stateVersion(err error) (uint32, bool) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Detail[api.DetailRefused] != api.RefusedVersion {
		return 0, false
	}
	v, err := strconv.ParseUint(e.Detail[api.DetailStateVersion], 10, 32)
	return uint32(v), err == nil
}

// Retried reports whether an answer to an earlier try of the call was lost.
func (c *Call) Retried() bool { return c.doubtful || c.Flags&api.InvokeRetry != 0 }

// Repeats reports whether the call comes again and again until it is done.
func (c *Call) Repeats() bool { return c.Retried() || c.Number != 0 || c.Alarm != nil }

// ActivateTimeout bounds one attempt at activating an actor; its calls then try again, elsewhere if need be.
const ActivateTimeout = 10 * time.Second

// AnswerMargin is the part of a patient call's time that is left for its answer once its handler had to end.
const AnswerMargin = HandlerGrace + 5*time.Second

// HandlerGrace is how long after the end of its context a handler may take to return before its activation is
// given up.
const HandlerGrace = 10 * time.Second

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"math"
	"time"
)

// The contexts of this package follow the clock of an Env, start no goroutine, and
// tell of their end by calls, in an order that a simulated Env controls.
// Otherwise they are as those of package context: values, parents and children
// of either package mix freely in the real Env. A simulated Env refuses to
// park on a context that is Foreign.
//
// A context that nobody waits for costs one allocation: it has no timer and no
// channel, and its Err looks at the clock.

// WithCancel returns a child of parent that ends when cancel is called or
// parent ends. Cancel must be called, or the child stays with its parent.
func WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	c := newCancelCtx(parent, nil, 0)
	return c, c.cancel // inlined, so that a cancel that is only deferred is not allocated
}

// WithCancelCause is WithCancel with a cause for context.Cause; a nil cause
// stands for context.Canceled.
func WithCancelCause(parent context.Context) (context.Context, context.CancelCauseFunc) {
	c := newCancelCtx(parent, nil, 0)
	return c, c.cancelCause
}

// WithTimeout returns a child of parent that also ends, with
// context.DeadlineExceeded, once d has passed on e's monotonic clock.
func WithTimeout(e Env, parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c := newTimeoutCtx(parent, e, d)
	return c, c.cancel
}

// WithDeadlineAt is WithTimeout with the reading of e.Monotonic at which the
// context ends.
func WithDeadlineAt(e Env, parent context.Context, at time.Duration) (context.Context, context.CancelFunc) {
	c := newCancelCtx(parent, e, at)
	return c, c.cancel
}

// Remaining returns how long ctx has until its deadline, not positive if that
// has passed, and false if it has none. It takes any context.
func Remaining(e Env, ctx context.Context) (time.Duration, bool) {
	if c, ok := ctx.(*cancelCtx); ok {
		return c.remaining(e)
	}
	at, ok := ctx.Deadline()
	if !ok {
		return 0, false
	}
	return at.Sub(e.Now()), true
}

// DeadlineAt returns when ctx ends at the latest, on e's monotonic clock. One beyond the end of that clock is at its
// end.
func DeadlineAt(e Env, ctx context.Context) (at time.Duration, ok bool) {
	left, ok := Remaining(e, ctx)
	if !ok {
		return 0, false
	}
	now := e.Monotonic()
	if left > math.MaxInt64-now {
		return math.MaxInt64, true
	}
	return now + left, true
}

// OnDone calls f once ctx has ended: before OnDone returns if it has ended
// already, else from whatever ends it. f must not block, and must not take a
// lock that is held over a call of OnDone or of a cancel. Stop prevents the call and reports whether
// it did. On a Foreign context, f is called by context.AfterFunc.
func OnDone(ctx context.Context, f func()) (stop func() bool) {
	c, foreign := lookup(ctx)
	switch {
	case c != nil:
		return c.onDone(f)
	case foreign != nil:
		return context.AfterFunc(foreign, f)
	default:
		return func() bool { return true }
	}
}

// Foreign reports whether ctx can be ended by a context that is not of this
// package: one whose end comes from a goroutine or a clock of its own.
func Foreign(ctx context.Context) bool {
	c, foreign := lookup(ctx)
	return foreign != nil || c != nil && c.foreign != nil
}

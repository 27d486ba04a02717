// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
)

// WakeHere activates an actor that this node owns or may claim.
func (w *Waker) WakeHere(id api.ActorID, done func(err error)) {
	w.router.Route(&call.Call{
		Actor: id, Method: api.MethodWake, Flags: api.InvokeForwarded | api.InvokeMayClaim,
		Context:  func() context.Context { return w.Ctx },
		Deadline: w.Env.Monotonic() + call.ActivateTimeout,
		Finish:   func(_ []byte, _ string, err error) { done(err) },
	})
}

// wakeTimeout bounds the waking of one actor. It is woken again if it is due still.
const wakeTimeout = 10 * time.Second

// wake makes an actor active, here or elsewhere, if it is not. done is told how that went, and does not block.
func (w *Waker) wake(id api.ActorID, done func(elsewhere bool, err error)) {
	w.router.Route(&call.Call{
		Actor: id, Method: api.MethodWake,
		Context:  w.Life,
		Deadline: w.Env.Monotonic() + wakeTimeout,
		Finish:   func(_ []byte, owner string, err error) { done(owner != "", err) },
	})
}

// fire has an actor woken whose timer has come.
func (w *Waker) fire(t timer) {
	w.wake(t.actor, func(elsewhere bool, err error) {
		if elsewhere && err == nil {
			w.Timers.forget(t) // it is looked after there
		}
	})
}

// Waker has actors made active that have something to do.
type Waker struct {
	telemetry.Scope
	router *router.Router
	Timers *Timers
}

// NewWaker returns a waker without timers.
func NewWaker(s telemetry.Scope, r *router.Router) *Waker {
	w := &Waker{Scope: s, router: r}
	w.Timers = newTimers(s.Env, w.fire)
	return w
}

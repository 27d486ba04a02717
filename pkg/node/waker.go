// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// wakeHere activates an actor that this node owns or may claim.
func (w *waker) wakeHere(id api.ActorID, done func(err error)) {
	w.router.route(&call{
		actor: id, method: api.MethodWake, flags: api.InvokeForwarded | api.InvokeMayClaim,
		context:  func() context.Context { return w.ctx },
		deadline: w.env.Monotonic() + activateTimeout,
		finish:   func(_ []byte, _ string, err error) { done(err) },
	})
}

// wakeTimeout bounds the waking of one actor. It is woken again if it is due still.
const wakeTimeout = 10 * time.Second

// wake makes an actor active, here or elsewhere, if it is not. done is told how that went, and does not block.
func (w *waker) wake(id api.ActorID, done func(elsewhere bool, err error)) {
	w.router.route(&call{
		actor: id, method: api.MethodWake,
		context:  w.life,
		deadline: w.env.Monotonic() + wakeTimeout,
		finish:   func(_ []byte, owner string, err error) { done(owner != "", err) },
	})
}

// fire has an actor woken whose timer has come.
func (w *waker) fire(t timer) {
	w.wake(t.actor, func(elsewhere bool, err error) {
		if elsewhere && err == nil {
			w.timers.forget(t) // it is looked after there
		}
	})
}

// waker has actors made active that have something to do.
type waker struct {
	scope
	router *router
	timers *timers
}

func newWaker(s scope, r *router) *waker {
	w := &waker{scope: s, router: r}
	w.timers = newTimers(s.env, w.fire)
	return w
}

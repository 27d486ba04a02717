// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"runtime/debug"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// activationBytes is what an activation takes beside its state, space and records: `make scale` measures it.
	activationBytes = 800
)

// bytes is about what the activation takes in memory.
func (a *activation) bytes() int64 {
	if a == nil {
		return 0
	}
	return int64(activationBytes + a.memory.bytes() + a.space.heldBytes + a.ledger.bytesHeld() + a.agenda.bytes())
}

// activation is an actor in memory: its claim and its cached state.
type activation struct {
	host   *host
	slot   *slot
	actor  api.ActorID
	spec   *actor.Spec
	claim  *registry.Claim
	memory *memory
	space  *space
	ledger *ledger
	agenda *agenda // nil for most
	asking asking
	// destroyed actors are deactivated without their hook.
	destroyed bool
	// unreadable is whether what is stored of the actor can't be read: it can only be deleted.
	unreadable bool
	// panicked says that the author's code that has run last has panicked.
	panicked bool
	// broken is why nothing more can be committed, if that was found out while a handler ran.
	broken *api.Error
}

// activationOf returns the activation in a slot, nil if there is none.
func activationOf(s *slot) *activation {
	a, _ := s.resident.(*activation)
	return a
}

// guard runs code of the actor's author: handlers, hooks, constructors, encoders and decoders, and the methods of
// the errors that they return. All of it runs here, and nowhere else. A panic becomes an error of CodeInternal and
// is logged once, with its stack. Whatever f returns comes back as an error that holds no code of the author's any
// more.
//
// Code that ends its goroutine (runtime.Goexit) ends the task of the slot with it: the activation is given up, and
// guard does not return.
func (a *activation) guard(what string, f func() error) (err error) {
	returned := false
	a.panicked = false
	defer func() {
		if returned {
			return
		}
		r := recover()
		if env.Killed(r) {
			panic(r)
		}
		if r == nil {
			a.exited(what)
			return
		}
		a.panicked = true
		a.host.log.Error("an actor's code has panicked",
			"actor", a.actor.String(), "in", what, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		err = api.Errorf(api.CodeInternal, "actor %s: %s panicked: %s", a.actor, what, fmt.Sprint(r))
	}()
	err = plainError(f())
	returned = true
	return err
}

// self returns the actor that the activation is of.
func (a *activation) self() api.ActorID { return a.actor }

// exited gives the activation up, as its task ends in the middle of the actor's code. The call that it was for has
// failed; the others that wait are routed anew.
func (a *activation) exited(what string) {
	err := api.Errorf(api.CodeInternal, "actor %s: %s ended its goroutine: runtime.Goexit must not be called", a.actor,
		what)
	a.host.log.Error("an actor's code has ended its goroutine",
		"actor", a.actor.String(), "in", what, "stack", string(debug.Stack()))
	running, waited := a.slot.exit(what)
	if running == nil {
		_ = a.host.crashed(a.actor, err) // which its calls are told when they come again
	}
	a.ended()
	if !waited {
		return // given up already
	}
	if running != nil {
		running.finish(nil, "", err)
	}
	a.host.abandon(a.slot)
}

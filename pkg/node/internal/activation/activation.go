// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"fmt"
	"runtime/debug"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// activationBytes is what an activation takes beside its state, space and records: `make scale` measures it.
	activationBytes = 800
)

// Bytes is about what the activation takes in memory.
func (a *Activation) Bytes() int64 {
	if a == nil {
		return 0
	}
	return int64(activationBytes + a.Struct.Bytes() + a.kv.HeldBytes + a.dedup.BytesHeld() + a.schedule.Bytes())
}

// Failing is what the activation tries again that has failed.
func (a *Activation) Failing() call.Failing {
	if a == nil {
		return call.Failing{}
	}
	return a.schedule.Failing()
}

// Activation is an actor in memory: its claim and its cached state.
type Activation struct {
	parts   *Parts
	mailbox *mailbox.Mailbox
	Actor   api.ActorID
	Spec    *kind.Spec
	Claim   *registry.Claim
	unitOfWork
	outbound outbound
	// Destroyed actors are deactivated without their hook.
	Destroyed bool
	// Unreadable is whether what is stored of the actor can't be read: it can only be deleted.
	Unreadable bool
	// panicked says that the author's code that has run last has panicked.
	panicked bool
	// broken is why nothing more can be committed, if that was found out while a handler ran.
	broken *api.Error
}

// Of returns the activation in a mailbox, nil if there is none.
func Of(s *mailbox.Mailbox) *Activation {
	a, _ := s.Resident.(*Activation)
	return a
}

// Guard runs code of the actor's author: handlers, hooks, constructors, encoders and decoders, and the methods of
// the errors that they return. All of it runs here, and nowhere else. A panic becomes an error of CodeInternal and
// is logged once, with its stack. Whatever f returns comes back as an error that holds no code of the author's any
// more.
//
// Code that ends its goroutine (runtime.Goexit) ends the task of the mailbox with it: the activation is given up, and
// Guard does not return.
func (a *Activation) Guard(what string, f func() error) (err error) {
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
		a.parts.Log.Error("an actor's code has panicked",
			"actor", a.Actor.String(), "in", what, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		err = api.Errorf(api.CodeInternal, "actor %s: %s panicked: %s", a.Actor, what, fmt.Sprint(r))
	}()
	err = call.PlainError(f())
	returned = true
	return err
}

// Kind returns what the author of the actor has declared.
func (a *Activation) Kind() *kind.Spec { return a.Spec }

// Self returns the actor that the activation is of.
func (a *Activation) Self() api.ActorID { return a.Actor }

// exited gives the activation up, as its task ends in the middle of the actor's code. The call that it was for has
// failed; the others that wait are routed again.
func (a *Activation) exited(what string) {
	err := api.Errorf(api.CodeInternal, "actor %s: %s ended its goroutine: runtime.Goexit must not be called", a.Actor,
		what)
	a.parts.Log.Error("an actor's code has ended its goroutine",
		"actor", a.Actor.String(), "in", what, "stack", string(debug.Stack()))
	running, waited := a.mailbox.Exit(what)
	if running == nil {
		_ = a.parts.Crashed(a.Actor, err) // which its calls are told when they come again
	}
	a.Ended()
	if !waited {
		return // given up already
	}
	if running != nil {
		running.Finish(nil, "", err)
	}
	a.parts.GiveUp(a.mailbox)
}

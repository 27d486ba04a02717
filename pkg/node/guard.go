// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

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

// plainError returns an error as callers see it, without what it was made of: that may have methods of the author's.
// It keeps what the node's own errors are compared by.
func plainError(err error) error {
	if err == nil {
		return nil
	}
	if isStoreError(err) || errors.Is(err, errAbandoned) {
		return err
	}
	plain := *wireError(err)
	plain.Cause = nil
	return &plain
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

// answering notes what the running task has taken from the mailbox and not answered.
func (s *slot) answering(calls []*call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.unanswered = calls
}

// exit notes that what runs will never return, and which call that was for, nil for none; the others go on to be
// answered. It reports whether anybody has waited for it.
func (s *slot) exit(what string) (running *call, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	r := s.run
	r.what = what
	r.calls = slices.DeleteFunc(slices.Clone(r.unanswered), func(c *call) bool { return c == r.running })
	return r.running, !r.abandoned
}

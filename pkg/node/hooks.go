// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// errAbandoned ends a task whose slot was given up while the actor's code ran.
var errAbandoned = errors.New("given up")

// hookError is that of a hook of the actor's: another try elsewhere would not better it.
type hookError struct {
	hook string
	err  error
}

func (e *hookError) Error() string { return e.hook + ": " + reason(e.err) }

// reason is what an error says, without its code.
func reason(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// hook runs one of the actor's hooks, and commits what it has changed. calls wait for it. With an error nothing has
// changed.
func (a *activation) hook(ctx context.Context, name string, f actor.Hook, calls []*call) error {
	if f == nil {
		return nil
	}
	now := a.host.env.Monotonic()
	left, _ := env.Remaining(a.host.env, ctx)
	a.slot.enter(name, nil, calls, now, now+left)
	a.begin(ctx, false)
	var state []byte
	err := a.guard(name, func() (err error) {
		if err = f(actor.NewContext(ctx, a.actor, a.space).WithTurn(a.hookTurn(name)), a.memory.value); err == nil {
			state, err = a.memory.encode(name)
		}
		return err
	})
	switch {
	case a.space.err != nil:
		err = a.space.err
	case err != nil:
		err = &hookError{name, err}
	}
	if err != nil {
		err = cmp.Or(a.memory.rollback(), err)
	}
	if !a.slot.leave() {
		return errAbandoned
	}
	if err != nil {
		a.agenda.begin()
		return err
	}
	a.memory.keep(state)
	a.space.keep()
	a.agenda.keep()
	if writes := a.changes(); len(writes) > 0 {
		a.claim.Renew(a.host.keeper.proof())
		if err := a.claim.Commit(a.host.ctx, writes); err != nil {
			if kv.IsTooLarge(err) {
				err = &hookError{name, err}
			}
			return cmp.Or(a.revert(), err)
		}
	}
	a.kept()
	return nil
}

// hookTurn is what a hook has at hand. It can't call other actors: a call needs a key that is the same when it is
// made again.
func (a *activation) hookTurn(name string) actor.Turn {
	return actor.Turn{
		Agenda: planner{a},
		Time:   a.host.env.Now().UTC().Truncate(time.Microsecond),
		Seed: func() [16]byte {
			return requestHash(
				&call{method: a.actor.String() + " " + name, body: binary.BigEndian.AppendUint64(nil, a.claim.Token())})
		},
	}
}

// deactivate runs the hook of an activation that ends in good order. It ends whatever the hook says. release is
// whether the claim can be given back: not while something may still land that was committed through it.
func (h *host) deactivate(s *slot) (inTime, release bool) {
	a := activationOf(s)
	if a.destroyed {
		return true, true
	}
	ctx, cancel := env.WithTimeout(h.env, context.WithoutCancel(h.ctx), releaseTimeout)
	defer cancel()
	err := a.hook(ctx, "OnDeactivate", a.spec.Deactivate, nil)
	if errors.Is(err, errAbandoned) {
		return false, false
	}
	if err != nil {
		h.log.Warn("what an actor does at its deactivation has failed", "actor", a.actor.String(), "error", err)
	}
	if api.CodeOf(err) == api.CodeUnknown {
		return true, false
	}
	return true, api.CodeOf(a.settle()) != api.CodeUnknown
}

// deactivateAll deactivates the actors that want to be told of the end, a few at a time, until ctx ends.
func (h *host) deactivateAll(ctx context.Context) error {
	for _, s := range h.dispatcher.all() {
		spec := h.kinds[s.actor.Namespace]
		if spec == nil || spec.Deactivate == nil {
			continue
		}
		if err := h.releases.Acquire(ctx, 1); err != nil {
			return err
		}
		if !s.claimForRelease() {
			h.releases.Release(1)
			continue
		}
		h.goRelease(s)
	}
	if err := h.releases.Acquire(ctx, releasesAtOnce); err != nil { // all of them: nobody is at it any more
		return err
	}
	h.releases.Release(releasesAtOnce)
	return nil
}

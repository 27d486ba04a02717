// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

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

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"
	"context"
	"encoding/binary"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
)

// Hook runs one of the actor's hooks, and commits what it has changed. calls wait for it. With an error nothing has
// changed.
func (a *Activation) Hook(ctx context.Context, name string, f actor.Hook, calls []*call.Call) error {
	if f == nil {
		return nil
	}
	now := a.parts.Env.Monotonic()
	left, _ := env.Remaining(a.parts.Env, ctx)
	a.mailbox.Enter(name, nil, calls, now, now+left)
	a.begin(ctx, false)
	var state []byte
	err := a.Guard(name, func() (err error) {
		if err = f(actor.NewContext(ctx, a.Actor, a.kv).WithTurn(a.hookTurn(name)), a.Struct.Value); err == nil {
			state, err = a.Struct.Encode(name)
		}
		return err
	})
	switch {
	case a.kv.Err != nil:
		err = a.kv.Err
	case err != nil:
		err = call.NewHookError(name, err)
	}
	if err != nil {
		err = cmp.Or(a.Struct.Rollback(), err)
	}
	if !a.mailbox.Leave() {
		return call.ErrAbandoned
	}
	if err != nil {
		a.schedule.Begin()
		return err
	}
	a.Struct.Keep(state)
	a.kv.Keep()
	a.schedule.Keep()
	if writes := a.changes(); len(writes) > 0 {
		a.Claim.Renew(a.parts.Members.Proof())
		if err := a.Claim.Commit(a.parts.Ctx, writes); err != nil {
			if kv.IsTooLarge(err) {
				err = call.NewHookError(name, err)
			}
			return cmp.Or(a.revert(), err)
		}
	}
	a.kept()
	return nil
}

// hookTurn is what a hook has at hand. It can't call other actors: a call needs a key that is the same when it is
// made again.
func (a *Activation) hookTurn(name string) actor.Turn {
	return actor.Turn{
		Agenda: scheduler{a},
		Time:   a.parts.Env.Now().UTC().Truncate(time.Microsecond),
		Seed: func() [16]byte {
			return dedup.RequestHash(
				&call.Call{Method: a.Actor.String() + " " + name,
					Body: binary.BigEndian.AppendUint64(nil, a.Claim.Token())})
		},
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"
	"context"
	"encoding/binary"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
)

// Hook runs one of the actor's hooks, and commits what it has changed. calls wait for it. With an error nothing has
// changed.
func (a *Activation) Hook(ctx context.Context, name string, f kind.Hook, calls []*call.Call) error {
	if f == nil {
		return nil
	}
	now := a.parts.Env.Monotonic()
	left, _ := env.Remaining(a.parts.Env, ctx)
	a.mailbox.Enter(name, nil, calls, now, now+left)
	a.kv.Begin(ctx, false)
	err := a.Guard(name, func() error {
		if err := f(a.hookTurn(ctx, name), a.Struct.Value); err != nil {
			return err
		}
		return a.Struct.Encode(name)
	})
	switch {
	case a.kv.Err != nil:
		err = a.kv.Err
	case err != nil:
		err = call.NewHookError(name, err)
	}
	if err != nil {
		err = cmp.Or(a.rollback(), err)
	}
	if abandoned := a.mailbox.Leave(); abandoned != nil || err != nil {
		return cmp.Or(abandoned, err)
	}
	a.keep()
	if err = a.save(); kv.IsTooLarge(err) {
		return call.NewHookError(name, err)
	}
	return err
}

// hookTurn is what a hook has at hand. It can't call other actors: a call needs a key that is the same when it is
// made again.
func (a *Activation) hookTurn(ctx context.Context, name string) kind.Turn {
	return kind.Turn{
		Context: ctx, Actor: a.Actor, KV: a.kv, Schedule: scheduler{a},
		Logger: func() *slog.Logger { return a.logger(name) },
		Time:   a.parts.Env.Now().UTC().Truncate(time.Microsecond),
		Seed: func() [16]byte {
			return dedup.RequestHash(
				&call.Call{Method: a.Actor.String() + " " + name,
					Body: binary.BigEndian.AppendUint64(nil, a.Claim.Token())})
		},
	}
}

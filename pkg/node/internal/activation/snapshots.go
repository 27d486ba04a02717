// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// PackPayload has the actor pack what it takes along.
func (a *Activation) PackPayload(ctx context.Context) (payload []byte, err error) {
	if a.Spec.Pack == nil {
		return nil, nil
	}
	err = a.aside(ctx, "packing", func(t kind.Turn, state any) (err error) {
		payload, err = a.Spec.Pack(t, state)
		return err
	})
	return payload, err
}

// unpackPayload has the actor unpack what came along. It goes on without if that fails.
func (a *Activation) unpackPayload(ctx context.Context, payload []byte) error {
	if a.Spec.Unpack == nil || payload == nil {
		return nil
	}
	err := a.aside(ctx, "unpacking", func(t kind.Turn, state any) error {
		return a.Spec.Unpack(t, state, payload)
	})
	if errors.Is(err, call.ErrAbandoned) {
		return err
	}
	if err != nil {
		a.parts.Log.Warn("what an actor has taken along is lost", "actor", a.Actor.String(), "error", err)
		return a.Struct.Rollback()
	}
	return nil
}

// aside runs code of the actor's that changes nothing that is stored. Anything but errAbandoned is its own error.
func (a *Activation) aside(ctx context.Context, name string, f kind.Hook) error {
	now := a.parts.Env.Monotonic()
	left, _ := env.Remaining(a.parts.Env, ctx)
	a.mailbox.Enter(name, nil, nil, now, now+left)
	a.kv.Begin(ctx, true)
	err := a.Guard(name, func() error {
		return f(a.hookTurn(ctx, name), a.Struct.Value)
	})
	if a.panicked { // in the middle of something
		err = cmp.Or(a.Struct.Rollback(), err)
	}
	if err := a.mailbox.Leave(); err != nil {
		return err
	}
	if err != nil {
		return api.Errorf(api.CodeFailedPrecondition, "actor %s: %s what it takes along has failed: %s", a.Actor, name,
			call.Reason(err))
	}
	return nil
}

// Pack makes a snapshot of what the activation has committed. Nothing must be left of a batch.
func (a *Activation) Pack() *snapshot.Snapshot {
	p := &snapshot.Snapshot{
		Seq: a.Claim.Seq(), State: slices.Concat(a.schedule.Entries(), a.dedup.Entries(), a.Struct.Entries())}
	if a.Struct.Rewrite && !a.Spec.Volatile { // the store has it in another form, which the next change must know
		p.Seq, p.State = registry.Seq{N: math.MaxUint64}, nil
	}
	if a.Spec.Volatile {
		for _, key := range state.SortedKeys(a.kv.Held) {
			p.KV = append(p.KV, registry.Entry{Key: []byte(key), Value: a.kv.Held[key]})
		}
		p.Marks = a.schedule.Marks()
	}
	return p
}

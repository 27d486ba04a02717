// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// packLuggage has the actor pack what it takes along.
func (a *activation) packLuggage(ctx context.Context) (luggage []byte, err error) {
	if a.spec.Pack == nil {
		return nil, nil
	}
	err = a.aside(ctx, "packing", func(c *actor.Context, state any) (err error) {
		luggage, err = a.spec.Pack(c, state)
		return err
	})
	return luggage, err
}

// unpackLuggage has the actor unpack what came along. It goes on without if that fails.
func (a *activation) unpackLuggage(ctx context.Context, luggage []byte) error {
	if a.spec.Unpack == nil || luggage == nil {
		return nil
	}
	err := a.aside(ctx, "unpacking", func(c *actor.Context, state any) error {
		return a.spec.Unpack(c, state, luggage)
	})
	if errors.Is(err, errAbandoned) {
		return err
	}
	if err != nil {
		a.host.log.Warn("what an actor has taken along is lost", "actor", a.actor.String(), "error", err)
		return a.memory.rollback()
	}
	return nil
}

// aside runs code of the actor's that changes nothing that is stored. Anything but errAbandoned is its own error.
func (a *activation) aside(ctx context.Context, name string, f actor.Hook) error {
	now := a.host.env.Monotonic()
	left, _ := env.Remaining(a.host.env, ctx)
	a.slot.enter(name, nil, nil, now, now+left)
	a.space.begin(ctx, true)
	err := a.guard(name, func() error {
		return f(actor.NewContext(ctx, a.actor, a.space).WithTurn(a.hookTurn(name)), a.memory.value)
	})
	if a.panicked { // in the middle of something
		err = cmp.Or(a.memory.rollback(), err)
	}
	if !a.slot.leave() {
		return errAbandoned
	}
	if err != nil {
		return api.Errorf(api.CodeFailedPrecondition, "actor %s: %s what it takes along has failed: %s", a.actor, name,
			reason(err))
	}
	return nil
}

// pack makes a parcel of what the activation has committed. Nothing must be left of a batch.
func (a *activation) pack() *parcel {
	p := &parcel{seq: a.claim.Seq(), state: slices.Concat(a.agenda.entries(), a.ledger.entries(), a.memory.entries())}
	if a.memory.rewrite && !a.spec.Volatile { // the store has it in another form, which the next change must know
		p.seq, p.state = registry.Seq{N: math.MaxUint64}, nil
	}
	if a.spec.Volatile {
		for _, key := range sortedKeys(a.space.held) {
			p.space = append(p.space, registry.Entry{Key: []byte(key), Value: a.space.held[key]})
		}
		if a.agenda != nil {
			p.marks = a.agenda.inbox.entries()
		}
	}
	return p
}

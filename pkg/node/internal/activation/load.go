// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// New returns an activation that has not loaded anything yet.
func New(p *Parts, s *mailbox.Mailbox, spec *kind.Spec, claim *registry.Claim) *Activation {
	return &Activation{parts: p, mailbox: s, Actor: s.Actor, Spec: spec, Claim: claim,
		unitOfWork: unitOfWork{kv: state.NewKV(claim, spec.Volatile)}}
}

// Begin loads what is stored of the actor, or has been brought along, and runs its OnActivate. calls wait for that. An
// actor that can't be read is good for its deletion alone, if that is one of calls.
func (a *Activation) Begin(ctx context.Context, got registry.Acquired, at registry.Attempt, brought *snapshot.Snapshot,
	calls []*call.Call) error {
	err := a.tryActivation(ctx, at)
	if err == nil {
		if err = got.Unreadable; err == nil {
			err = a.load(got.State, got.Attended)
		}
	}
	if later, ok := errors.AsType[*state.LaterError](err); ok {
		err = a.unreadable(later.Version)
	}
	if api.CodeOf(err) == api.CodeCorruptState && Deletes(calls) {
		return a.loadNothing(ctx)
	}
	if err == nil {
		err = a.unpack(ctx, brought)
	}
	if err == nil {
		a.arm()
		err = a.Hook(ctx, "OnActivate", a.Spec.Activate, calls)
	}
	if err == nil && len(calls) == 0 {
		err = a.endTrial()
	}
	return err
}

// load takes what the store has of the actor: its schedule first, then its records and its state.
// attended is whether the actor's entry in the list of what is due names the node.
func (a *Activation) load(stored []registry.Entry, attended bool) (err error) {
	pending := entriesBefore(stored, statekeys.Dedup)
	records := entriesBefore(stored, statekeys.Struct)
	if a.schedule, err = state.LoadSchedule(stored[:pending], attended); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.Actor, err)
	}
	if a.schedule != nil {
		a.schedule.Inbox.Volatile = a.Spec.Volatile
	}
	if a.dedup, err = dedup.Load(stored[pending:records], a.parts.MaxRecords, a.Spec.Volatile,
		a.Claim.Version()); err != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: %v", a.Actor, err)
	}
	a.Struct, err = state.LoadStruct(a, stored[records:])
	return err
}

// Deletes reports whether one of the calls deletes the actor.
func Deletes(calls []*call.Call) bool {
	return slices.ContainsFunc(calls, func(c *call.Call) bool { return c.Method == api.MethodDestroy })
}

// DeletionFirst puts a call that deletes the actor before all others.
func DeletionFirst(calls []*call.Call) []*call.Call {
	i := slices.IndexFunc(calls, func(c *call.Call) bool { return c.Method == api.MethodDestroy })
	return slices.Concat(calls[i:i+1], calls[:i], calls[i+1:])
}

// loadNothing makes an activation of an actor whose stored state can't be read, to delete it. Nobody knows what calls
// have been done: what was born by now is refused from then on, unless it has never run.
func (a *Activation) loadNothing(ctx context.Context) (err error) {
	a.Unreadable = true
	now := a.Claim.Version()
	a.dedup = dedup.Forgotten(a.parts.MaxRecords, a.Spec.Volatile, now)
	a.schedule = state.NewSchedule()
	value, err := a.Claim.Get(ctx, statekeys.Alarms)
	if err != nil {
		return err
	}
	if len(value) == 8 {
		a.schedule.Due = int64(binary.BigEndian.Uint64(value))
	}
	a.Struct, err = state.LoadStruct(a, nil)
	return err
}

// entriesBefore returns how many entries come before a key.
func entriesBefore(entries []registry.Entry, key []byte) int {
	for i, e := range entries {
		if bytes.Compare(e.Key, key) >= 0 {
			return i
		}
	}
	return len(entries)
}

// unpack takes over what has come along.
func (a *Activation) unpack(ctx context.Context, p *snapshot.Snapshot) error {
	if p == nil {
		return nil
	}
	for _, e := range p.KV {
		a.kv.Hold(string(e.Key), e.Value)
	}
	if len(p.Marks) > 0 {
		if err := a.plan().Inbox.Load(p.Marks); err != nil {
			return err
		}
	}
	return a.unpackPayload(ctx, p.Payload)
}

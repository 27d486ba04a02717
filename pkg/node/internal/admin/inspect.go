// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"context"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// inspectedBytesMax is how much of what is stored of an actor is looked at.
const inspectedBytesMax = 8 << 20

// ServeActorStats tells what is known of an actor, without activating it: of its claim and what is stored of it by
// this node, of its activation by its owner.
func (adm *Service) ServeActorStats(ctx context.Context, in *api.ActorStatsRequest) (*api.ActorDetail, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	row, err := adm.ServeActorGet(ctx, &api.ActorGetRequest{Actor: in.Actor})
	if err != nil {
		return nil, err
	}
	out := &api.ActorDetail{ActorRow: *row}
	if row.Node == adm.NodeID {
		out.Stats = adm.activationStats(id)
	} else if row.Address != "" && !in.Here {
		out.Stats = adm.askActorStats(ctx, row.Address, in.Actor)
	}
	if in.Here {
		return out, nil
	}
	held, err := adm.Registry.Quarantine(ctx, id)
	if err != nil {
		return nil, call.WireError(err)
	}
	if held != nil && held.Refused() {
		out.Quarantine = held.Err().Message
	}
	if out.Scheduled, err = adm.scheduled(ctx, id); err != nil {
		return nil, err
	}
	return out, adm.inspect(ctx, id, out, in.State)
}

// askActorStats asks the owner of an actor; nil is no answer.
func (adm *Service) askActorStats(ctx context.Context, address, actor string) *api.ActorStats {
	ctx, cancel := env.WithTimeout(adm.Env, ctx, membership.AskTimeout)
	defer cancel()
	reply, err := rpc.CallTyped[api.ActorStatsRequest, api.ActorDetail](ctx, adm.Pool, address, api.MethodActorStats,
		&api.ActorStatsRequest{Actor: actor, Here: true})
	if err != nil {
		adm.Log.Debug("the owner of an actor does not tell of it", "actor", actor, "address", address, "error", err)
		return nil
	}
	return reply.Stats
}

// activationStats is how an actor is doing that is active here, else nil.
func (adm *Service) activationStats(id api.ActorID) *api.ActorStats {
	return adm.Mailboxes.Stats(id, adm.NodeID, adm.Env.Monotonic())
}

// inspect measures what is stored of an actor, and reads its state if that is asked for.
func (adm *Service) inspect(ctx context.Context, id api.ActorID, out *api.ActorDetail, state bool) error {
	entries, partial, err := adm.Registry.Stored(ctx, id, inspectedBytesMax)
	if err != nil {
		return call.WireError(err)
	}
	out.StateKeys, out.Partial = len(entries), partial
	for _, e := range entries {
		out.StateBytes += int64(len(e.Key) + len(e.Value))
	}
	if state {
		out.Stored, err = readState(id, entries, partial)
	}
	return err
}

// readState takes an actor's state out of what is stored of it, or the part of its space that comes before all else.
func readState(id api.ActorID, entries []registry.Entry, partial bool) (*api.ActorState, error) {
	out := &api.ActorState{Space: []api.StatePair{}, Partial: partial}
	var chunks []byte
	for _, e := range entries {
		if bytes.HasPrefix(e.Key, statekeys.Struct) {
			chunks = append(chunks, e.Value...)
			continue
		}
		if !bytes.HasPrefix(e.Key, statekeys.KV) {
			continue
		}
		elems, err := tuple.Unpack(e.Key)
		if err != nil || len(elems) != 2 {
			return out, api.Errorf(api.CodeCorruptState, "actor %s: it has a key that can't be read", id)
		}
		if key, ok := elems[1].(string); ok {
			out.Space = append(out.Space, api.StatePair{Key: key, Value: e.Value})
		}
	}
	if len(chunks) == 0 || partial {
		return out, nil
	}
	_, encoded, err := statekeys.OpenStruct(chunks)
	if err != nil {
		return out, api.Errorf(api.CodeCorruptState, "actor %s: its state %v", id, err)
	}
	out.Struct = encoded
	return out, nil
}

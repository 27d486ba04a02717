// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Scheduled is a part of the state of an actor that has something to do by itself.
type Scheduled struct {
	Actor   api.ActorID
	Entries []Entry
}

// Scheduled reads the part of the state whose keys lie in [begin, end) of those of the actors that have an entry in the
// list of what is due, at one moment. It stops after bytesMax bytes, but not within an actor: done is how many of the
// actors it has looked at, at least one. It activates no actor, and blocks until ctx ends.
func (r *Registry) Scheduled(ctx context.Context, actors []api.ActorID, begin, end []byte, bytesMax int) (
	parts []Scheduled, done int, err error) {
	keys := make([][]byte, len(actors))
	for i, a := range actors {
		keys[i] = dueTimeKeyOf(a)
	}
	_, err = run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		parts, done = nil, 0
		times, err := tx.Snapshot().GetAll(ctx, keys...)
		if err != nil {
			return struct{}{}, err
		}
		size := 0
		for i, a := range actors {
			done = i + 1
			if times[i] == nil {
				continue
			}
			base, part := statePrefix(a), Scheduled{Actor: a}
			err := kv.Scan(ctx, tx.Snapshot(), join(base, begin), join(base, end), kv.RangeOptions{},
				func(p kv.KeyValue) error {
					size += len(p.Key) + len(p.Value)
					part.Entries = append(part.Entries, relative(base, []kv.KeyValue{p})...)
					return nil
				})
			if err != nil {
				return struct{}{}, err
			}
			if parts = append(parts, part); size >= bytesMax {
				break
			}
		}
		return struct{}{}, nil
	})
	return parts, done, err
}

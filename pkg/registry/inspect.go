// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Stored returns what is stored as an actor's state, in order of key and at one moment: all of it, or, and then
// partial is true, a little more than so many bytes. It disturbs nobody and blocks until ctx ends. The owner may be
// writing meanwhile.
func (r *Registry) Stored(ctx context.Context, actor api.ActorID, bytesMax int) (entries []Entry, partial bool,
	err error) {
	base := statePrefix(actor)
	entries, err = run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) ([]Entry, error) {
		var out []Entry
		begin, size := base, 0
		for {
			pairs, more, err := tx.Snapshot().Range(ctx, begin, kv.PrefixEnd(base),
				kv.RangeOptions{BytesMax: bytesMax - size + 1})
			if err != nil {
				return nil, err
			}
			out = append(out, relative(base, pairs)...)
			for _, p := range pairs {
				size += len(p.Key) + len(p.Value)
			}
			if partial = more && size > bytesMax; partial || !more || len(pairs) == 0 {
				return out, nil
			}
			begin = kv.KeyAfter(pairs[len(pairs)-1].Key)
		}
	})
	return entries, partial, err
}

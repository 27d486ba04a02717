// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// storedClaims reads who owns what from the store itself.
func (w *world) storedClaims() (map[string]listed, error) {
	s := &caller{storage: w.store, machine: w.store.machine, env: w.env}
	return kv.Transact(w.ctx, w.env, s, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (map[string]listed, error) {
		out := make(map[string]listed)
		begin, end := tuple.Range("kelpie", "claim")
		err := kv.Scan(ctx, tx.Snapshot(), begin, end, kv.RangeOptions{}, func(p kv.KeyValue) error {
			if c := decode[claimRecord](p.Value); c.Node != "" {
				out[describeKey(p.Key).actor.String()] = listed{c.Node, c.Token}
			}
			return nil
		})
		return out, err
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// ForBackup returns those of some pairs, which it does not change, that belong in a backup: all but events, which are
// of processes that have no part in what is restored.
func ForBackup(pairs []kv.KeyValue) []kv.KeyValue {
	begin, end := kindRange(kindEvent)
	out := make([]kv.KeyValue, 0, len(pairs))
	for _, p := range pairs {
		if bytes.Compare(p.Key, begin) < 0 || bytes.Compare(p.Key, end) >= 0 {
			out = append(out, p)
		}
	}
	return out
}

// CommonPairs returns what is stored of the cluster and is no actor's, as far as a restore has a use for it: of the
// cluster's meta the numbers that those of the restored store must exceed.
func (r *Registry) CommonPairs(ctx context.Context) ([]kv.KeyValue, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) ([]kv.KeyValue, error) {
		meta, err := tx.Snapshot().Get(ctx, metaKey)
		if err != nil {
			return nil, err
		}
		out := []kv.KeyValue{{Key: metaKey, Value: meta}}
		begin, end := kindRange(kindNamespace)
		err = kv.Scan(ctx, tx.Snapshot(), begin, end, kv.RangeOptions{}, func(p kv.KeyValue) error {
			out = append(out, p)
			return nil
		})
		return out, err
	})
}

// ActorPairs returns all that is stored of an actor, of one moment.
func (r *Registry) ActorPairs(ctx context.Context, actor api.ActorID) ([]kv.KeyValue, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) ([]kv.KeyValue, error) {
		var out []kv.KeyValue
		add := func(p kv.KeyValue) error {
			out = append(out, p)
			return nil
		}
		claim, err := tx.Snapshot().Get(ctx, claimKey(actor))
		if err != nil {
			return nil, err
		}
		if claim != nil {
			out = append(out, kv.KeyValue{Key: claimKey(actor), Value: claim})
		}
		for _, kind := range []string{kindCall, kindState, kindDead, kindDeadBody} {
			begin, end := kindRange(kind, actor.Namespace, actor.ID)
			if err := kv.Scan(ctx, tx.Snapshot(), begin, end, kv.RangeOptions{}, add); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// WriteRestored writes pairs of a restore, or of an operator, as they are: nothing is checked. Nodes must not be
// alive in the store, unless the keys are none of Kelpie's.
func WriteRestored(tx kv.Tx, pairs []kv.KeyValue) {
	for _, p := range pairs {
		tx.Set(p.Key, p.Value)
	}
}

// Erase deletes a key, and with below all keys whose tuples begin with it. The same must hold as of WriteRestored.
func Erase(tx kv.Tx, key []byte, below bool) {
	tx.Clear(key)
	if below {
		tx.ClearRange(key, append(key[:len(key):len(key)], 0xff))
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Of is what keys are of.
type Of struct{ Kind, Namespace string }

// Stats counts all that is in a store, by kind and namespace. It blocks until that is done or ctx ends. Errors are
// the store's.
func Stats(ctx context.Context, e env.Env, store kv.Store, o Options) (map[Of]registry.KindCount, error) {
	r := &reading{env: e, store: store}
	if pinner, ok := store.(kv.Pinner); ok {
		if err := r.pin(ctx, pinner); err != nil {
			return nil, err
		}
		defer r.unpin(ctx)
	}
	out := make(map[Of]registry.KindCount)
	var all Trailer
	err := r.each(ctx, func(pairs []kv.KeyValue) error {
		for _, p := range pairs {
			kind, namespace := registry.KindOf(p.Key)
			n := out[Of{kind, namespace}]
			size := int64(len(p.Key) + len(p.Value))
			out[Of{kind, namespace}] = registry.KindCount{Keys: n.Keys + 1, Bytes: n.Bytes + size}
			all.Keys++
			all.Bytes += size
		}
		o.tell(all)
		return nil
	})
	return out, err
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// migrations turn a store of a schema into one of the next. Each is one transaction for what is small, or can be done
// again from the beginning when it was interrupted: the schema changes last, and nodes of either version refuse the
// store before they would read what they don't know. How one is added is in docs/operating.md.
var migrations = map[int]func(ctx context.Context, r *Registry) error{
	// Schema 3 marks the messages that an actor has received, which nodes of schema 2 would not look at. A store of
	// schema 2 has no marks: nothing is to be added.
	2: func(context.Context, *Registry) error { return nil },
}

// Migrate brings a store to SchemaVersion, and returns from which schema: SchemaVersion if there was nothing to do.
// No node may be alive in it: see Living. It blocks until that is done or ctx ends, and can then be done again.
// Errors are CodeNotFound for a store without a cluster, CodeMismatch for a later schema or one that there is no way
// from, and those of the store.
func (r *Registry) Migrate(ctx context.Context) (from int, err error) {
	m, err := r.Meta(ctx)
	if err != nil {
		return 0, err
	}
	if m.ClusterID == "" {
		return 0, api.Errorf(api.CodeNotFound, "the store holds no cluster to migrate")
	}
	from = m.Schema
	for m.Schema != SchemaVersion {
		step := migrations[m.Schema]
		if step == nil {
			return from, m.accept(JoinSpec{})
		}
		if err := step(ctx, r); err != nil {
			return from, err
		}
		before := m.Schema
		m.Schema++
		_, err := run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			var now Meta
			if err := read(ctx, tx, metaKey, &now); err != nil {
				return struct{}{}, err
			}
			if now.Schema != before {
				return struct{}{}, api.Errorf(api.CodeFailedPrecondition, "another process is migrating the "+
					"store: it has schema %d now", now.Schema)
			}
			tx.Set(metaKey, encodeRecord(&m))
			return struct{}{}, nil
		})
		if err != nil {
			return from, err
		}
	}
	return from, nil
}

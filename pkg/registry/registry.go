// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Registry makes the transactions. It keeps no state of its own.
type Registry struct {
	env    env.Env
	store  kv.Store
	random *env.Rand
}

// New returns a registry on a store. The store stays the caller's.
func New(e env.Env, store kv.Store) *Registry {
	return &Registry{env: e, store: store, random: e.Rand("registry")}
}

// transact runs f in a transaction until its outcome is known. f must be safe to run again after a commit that
// may have happened, or may still: it finds out by what it reads.
func transact[T any](ctx context.Context, r *Registry, opt kv.TxOptions, f func(ctx context.Context, tx kv.Tx) (T, error)) (T, error) {
	for {
		v, err := kv.Transact(ctx, r.env, r.store, opt, f)
		if !errors.Is(err, kv.ErrCommitUnknown) || ctx.Err() != nil {
			return v, err
		}
		if err := env.Sleep(r.env, ctx, r.random.Jitter(unknownRetryDelay)); err != nil {
			return v, errors.Join(kv.ErrCommitUnknown, err)
		}
	}
}

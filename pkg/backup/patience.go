// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// patience is how long one step, a page that is read or a batch that is written, is tried with a store that does not
// answer: longer than it takes to restart what serves the store, and not so long that a backup at night waits for the
// morning.
const patience = time.Minute

// within runs a step, which is given up after patience with CodeUnavailable: transactions are tried again until their
// context ends.
func within[T any](ctx context.Context, e env.Env, step func(ctx context.Context) (T, error)) (T, error) {
	bound, cancel := env.WithTimeout(e, ctx, patience)
	defer cancel()
	out, err := step(bound)
	if err == nil || ctx.Err() != nil || bound.Err() == nil {
		return out, err
	}
	if said, ok := errors.AsType[*kv.Error](err); ok {
		err = said // of the last attempt
	}
	return out, api.Errorf(api.CodeUnavailable, "the store has not answered for %v: %w", patience, err)
}

// do is within, for a step without a result.
func do(ctx context.Context, e env.Env, step func(ctx context.Context) error) error {
	_, err := within(ctx, e, func(ctx context.Context) (struct{}, error) { return struct{}{}, step(ctx) })
	return err
}

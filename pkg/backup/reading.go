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

const (
	// pageBytes is how much is read at once.
	pageBytes = 1 << 20
	// pinEvery is how often a pinned version is pinned again.
	pinEvery = kv.PinTime / 4
)

// reading reads all of a store: as it was at one version, if one was pinned.
type reading struct {
	env    env.Env
	store  kv.Store
	pinner kv.Pinner
	at     kv.Version
	pinned time.Duration
}

func (r *reading) pin(ctx context.Context, pinner kv.Pinner) (err error) {
	r.at, err = within(ctx, r.env, func(ctx context.Context) (kv.Version, error) { return pinner.Pin(ctx, r.at) })
	err = lost(err)
	if err == nil {
		r.pinner, r.pinned = pinner, r.env.Monotonic()
	}
	return err
}

// unpin gives the version up. If that fails it expires.
func (r *reading) unpin(ctx context.Context) { _ = r.pinner.Unpin(context.WithoutCancel(ctx), r.at) }

// keep pins the version again when it is time.
func (r *reading) keep(ctx context.Context) error {
	if r.pinner == nil || r.env.Monotonic()-r.pinned < pinEvery {
		return nil
	}
	return r.pin(ctx, r.pinner)
}

// transact runs a read at the version.
func transact[T any](ctx context.Context, r *reading, f func(ctx context.Context, tx kv.Reader) (T, error)) (T, error) {
	return within(ctx, r.env, func(ctx context.Context) (T, error) {
		return kv.Transact(ctx, r.env, r.store, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (T, error) {
			if r.at == 0 {
				return f(ctx, tx.Snapshot())
			}
			tx.SetReadVersion(r.at)
			out, err := f(ctx, tx.Snapshot())
			return out, lost(err)
		})
	})
}

// lost makes an error final that says that a pinned version can't be read any more, which trying again does not
// change: what pins it is in the memory of the process that serves the store.
func lost(err error) error {
	if errors.Is(err, kv.ErrTooOld) || errors.Is(err, kv.ErrFutureVersion) {
		return api.Errorf(api.CodeUnavailable, "the store was restarted, or was out of reach for too long, so "+
			"the backup's version is no longer readable; run it again")
	}
	return err
}

func (r *reading) get(ctx context.Context, key []byte) ([]byte, error) {
	return transact(ctx, r, func(ctx context.Context, tx kv.Reader) ([]byte, error) { return tx.Get(ctx, key) })
}

// each gives f all pairs, page by page.
func (r *reading) each(ctx context.Context, f func(pairs []kv.KeyValue) error) error {
	type page struct {
		pairs []kv.KeyValue
		more  bool
	}
	for begin := []byte(nil); ; {
		p, err := transact(ctx, r, func(ctx context.Context, tx kv.Reader) (p page, err error) {
			p.pairs, p.more, err = tx.Range(ctx, begin, kv.KeySpaceEnd(), kv.RangeOptions{BytesMax: pageBytes})
			return p, err
		})
		if err != nil {
			return err
		}
		if err := f(p.pairs); err != nil {
			return err
		}
		if !p.more || len(p.pairs) == 0 {
			return nil
		}
		begin = kv.KeyAfter(p.pairs[len(p.pairs)-1].Key)
		if err := r.keep(ctx); err != nil {
			return err
		}
	}
}

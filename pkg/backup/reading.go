// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
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
	// damaged, if not nil, is called with every part [from, to) that can't be read, and has each go on behind it.
	damaged func(from, to []byte, err error)
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

// getReadable is get, for which a key that can't be read is one without a value: each tells of it.
func (r *reading) getReadable(ctx context.Context, key []byte) ([]byte, error) {
	value, err := r.get(ctx, key)
	if errors.Is(err, kv.ErrCorrupt) {
		return nil, nil
	}
	return value, err
}

// page is a part of a range.
type page struct {
	pairs []kv.KeyValue
	more  bool
}

func (r *reading) page(ctx context.Context, begin []byte, o kv.RangeOptions) (page, error) {
	return transact(ctx, r, func(ctx context.Context, tx kv.Reader) (p page, err error) {
		p.pairs, p.more, err = tx.Range(ctx, begin, kv.KeySpaceEnd(), o)
		return p, err
	})
}

// readable returns a page from begin on, as large as can be read, or from the first key behind it that can. Of what is
// damaged r.damaged is told. An empty page is the end.
func (r *reading) readable(ctx context.Context, begin []byte) (page, error) {
	p, err := r.page(ctx, begin, kv.RangeOptions{BytesMax: pageBytes})
	if r.damaged == nil || !errors.Is(err, kv.ErrCorrupt) {
		return p, err
	}
	// One key at a time as far as that goes; then behind what the key begins with, a byte less each time, and back from
	// there.
	if p, err := r.page(ctx, begin, kv.RangeOptions{Limit: 1}); err == nil {
		p.more = true
		return p, nil
	}
	bound := kv.KeySpaceEnd()
	for n := len(begin); n > 0; n-- {
		next := behind(begin[:n])
		if next == nil {
			break
		}
		_, tried := r.page(ctx, next, kv.RangeOptions{Limit: 1})
		if tried == nil {
			bound = next
			break
		}
		if !errors.Is(tried, kv.ErrCorrupt) {
			return page{}, tried
		}
	}
	from, failed := r.readBack(ctx, begin, bound)
	if failed != nil {
		return page{}, failed
	}
	r.damaged(begin, from, err)
	if bytes.Equal(from, kv.KeySpaceEnd()) {
		return page{}, nil
	}
	p, err = r.page(ctx, from, kv.RangeOptions{Limit: 1})
	p.more = true
	return p, err
}

// readBack returns the first key from which on all up to bound can be read, bound itself if it is none; what lies
// before begin is not looked at.
func (r *reading) readBack(ctx context.Context, begin, bound []byte) ([]byte, error) {
	for limit := 1024; ; {
		pairs, err := transact(ctx, r, func(ctx context.Context, tx kv.Reader) ([]kv.KeyValue, error) {
			pairs, _, err := tx.Range(ctx, begin, bound, kv.RangeOptions{Limit: limit, Reverse: true})
			return pairs, err
		})
		switch {
		case errors.Is(err, kv.ErrCorrupt) && limit > 1:
			limit /= 2
			continue
		case errors.Is(err, kv.ErrCorrupt):
			return bound, nil
		case err != nil || len(pairs) == 0:
			return bound, err
		}
		bound = pairs[len(pairs)-1].Key
	}
}

// behind is the first key that does not begin with prefix; nil if there is none.
func behind(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xff {
			next := bytes.Clone(prefix[:n])
			next[n-1]++
			if kv.CheckKey(next) != nil {
				return nil
			}
			return next
		}
	}
	return nil
}

// each gives f all pairs, page by page, which are f's to change.
func (r *reading) each(ctx context.Context, f func(pairs []kv.KeyValue) error) error {
	for begin := []byte(nil); ; {
		p, err := r.readable(ctx, begin)
		if err != nil {
			return err
		}
		done := !p.more || len(p.pairs) == 0
		if !done {
			begin = kv.KeyAfter(p.pairs[len(p.pairs)-1].Key)
		}
		if err := f(p.pairs); err != nil {
			return err
		}
		if done {
			return nil
		}
		if err := r.keep(ctx); err != nil {
			return err
		}
	}
}

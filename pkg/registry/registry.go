// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Registry makes the transactions. It keeps no state of its own.
type Registry struct {
	env    env.Env
	store  kv.Store
	random *env.Rand
	// contact may be nil; see Through.
	contact Contact
}

// Contact decides whether the store is used at all. Its methods must not block and are called from many tasks.
type Contact interface {
	// Enter is called before a use of the store. The use fails at once with the error, or goes on under the context,
	// which may end before the one given. leave is called when it is over.
	Enter(ctx context.Context) (within context.Context, leave func(), err error)
	// Heard receives the outcome of every attempt: nil if the store has answered, whatever the answer was, else why
	// it has not.
	Heard(err error)
}

// New returns a registry on a store. The store stays the caller's.
func New(e env.Env, store kv.Store) *Registry {
	return &Registry{env: e, store: store, random: e.Rand("registry")}
}

// Through has the store used as c decides, except by Join, Beat, View, and what ends leases: these find out whether
// the store is there. It must be called before the registry is used.
func (r *Registry) Through(c Contact) { r.contact = c }

// enter is Contact.Enter.
func (r *Registry) enter(ctx context.Context) (context.Context, func(), error) {
	if r.contact == nil {
		return ctx, func() {}, nil
	}
	return r.contact.Enter(ctx)
}

// heard tells Contact of an outcome. That ctx has ended says nothing about the store.
func (r *Registry) heard(ctx context.Context, err error) {
	switch {
	case r.contact == nil:
	case errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrCommitUnknown):
		r.contact.Heard(err)
	case err == nil || ctx.Err() == nil:
		r.contact.Heard(nil)
	}
}

// body is what a transaction does.
type body[T any] func(ctx context.Context, tx kv.Tx) (T, error)

// run is kv.Transact as long as there is contact with the store.
func run[T any](ctx context.Context, r *Registry, opt kv.TxOptions, f body[T]) (v T, err error) {
	ctx, leave, err := r.enter(ctx)
	if err != nil {
		return v, err
	}
	defer leave()
	return insist(ctx, r, opt, f)
}

// insist is kv.Transact whether there is contact or not.
func insist[T any](ctx context.Context, r *Registry, opt kv.TxOptions, f body[T]) (T, error) {
	v, err := kv.Transact(ctx, r.env, r.store, opt, func(ctx context.Context, tx kv.Tx) (T, error) {
		v, err := f(ctx, tx)
		r.heard(ctx, err)
		return v, err
	})
	r.heard(ctx, err)
	if errors.Is(err, kv.ErrFull) {
		err = errFull(err)
	}
	return v, err
}

// fullSilence is what callers are told for how long a store takes no writes whose disk is almost full: longer than they
// wait for a store that is being restarted, as room comes from people.
const fullSilence = time.Minute

// errFull is the error of a call whose transaction was refused with kv.ErrFull. Nothing has happened, and to try again
// soon does not help.
func errFull(err error) error {
	out := api.Errorf(api.CodeUnavailable, "%w", err)
	millis := strconv.FormatInt(fullSilence.Milliseconds(), 10)
	out.Detail = map[string]string{api.DetailStoreSilent: millis, api.DetailRetryAfter: millis}
	return out
}

// transact runs f in a transaction until its outcome is known. f must be safe to run again after a commit that
// may have happened, or may still: it finds out by what it reads.
func transact[T any](ctx context.Context, r *Registry, opt kv.TxOptions, f body[T]) (v T, err error) {
	ctx, leave, err := r.enter(ctx)
	if err != nil {
		return v, err
	}
	defer leave()
	return insistTransact(ctx, r, opt, f)
}

// insistTransact is transact whether there is contact or not.
func insistTransact[T any](ctx context.Context, r *Registry, opt kv.TxOptions, f body[T]) (T, error) {
	for {
		v, err := insist(ctx, r, opt, f)
		if !errors.Is(err, kv.ErrCommitUnknown) || ctx.Err() != nil {
			return v, err
		}
		if err := env.Sleep(r.env, ctx, r.random.Jitter(unknownRetryDelay)); err != nil {
			return v, errors.Join(kv.ErrCommitUnknown, err)
		}
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

const (
	// backoffMin is about the time that a commit takes.
	backoffMin = 2 * time.Millisecond
	// backoffMax is FoundationDB's: long enough for a store in trouble, short
	// beside the deadlines of callers.
	backoffMax = time.Second
)

// Transact runs f in a transaction of s and commits it, and returns f's result.
//
// What cannot have committed is tried again from the beginning, after a
// jittered backoff that grows, until ctx ends: ErrConflict, ErrTooOld,
// ErrFutureVersion, and ErrUnavailable of a read. So f may run several
// times: it must have no effect but on tx, and must return the errors of tx, which it may
// wrap. Once ctx has ended, Transact returns its cause and the last error of the store.
//
// ErrCommitUnknown is returned, never tried again: only the caller can find out what
// happened. Every other error of f or of the commit is returned at once.
//
// A Watch that f made is armed when Transact returns nil.
func Transact[T any](ctx context.Context, e env.Env, s Store, opt TxOptions,
	f func(ctx context.Context, tx Tx) (T, error)) (T, error) {
	tx := s.Begin(opt)
	retries := backoff{env: e}
	for {
		result, err := attempt(ctx, tx, f)
		if err == nil {
			return result, nil
		}
		if err = retries.after(ctx, err); err != nil {
			tx.Cancel()
			var zero T
			return zero, err
		}
		tx.Reset()
	}
}

func attempt[T any](ctx context.Context, tx Tx, f func(ctx context.Context, tx Tx) (T, error)) (T, error) {
	result, err := f(ctx, tx)
	if err != nil {
		return result, err
	}
	return result, tx.Commit(ctx)
}

// retryable reports whether an attempt that failed with err has not been
// committed, never will be, and may succeed another time.
func retryable(err error) bool {
	if errors.Is(err, ErrCommitUnknown) {
		return false // whatever its cause
	}
	for _, target := range []error{ErrConflict, ErrTooOld, ErrFutureVersion, ErrUnavailable} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// backoff is the waiting between attempts.
type backoff struct {
	env env.Env
	rnd *env.Rand // made with the first wait: most transactions need none
	d   time.Duration
}

// after blocks for the next delay and returns nil, or returns why there must not be another attempt.
func (b *backoff) after(ctx context.Context, err error) error {
	if !retryable(err) {
		return err
	}
	if b.rnd == nil {
		b.rnd = b.env.Rand("kv.Transact")
		b.d = backoffMin
	}
	d := b.rnd.Jitter(b.d)
	b.d = min(2*b.d, backoffMax)
	if ended := env.Sleep(b.env, ctx, d); ended != nil {
		return fmt.Errorf("%w, after: %w", ended, err)
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var errOther = errors.New("other")

// scriptedStore has transactions whose commits, and first reads, end as told, one after the other.
type scriptedStore struct {
	kv.Store
	kv.Tx
	reads, commits []error

	opt               kv.TxOptions
	resets, cancelled int
}

func (s *scriptedStore) Begin(opt kv.TxOptions) kv.Tx {
	s.opt = opt
	return scriptedTx{s}
}

type scriptedTx struct{ *scriptedStore }

func (t scriptedTx) Get(context.Context, []byte) ([]byte, error) { return nil, next(&t.reads) }
func (t scriptedTx) Commit(context.Context) error                { return next(&t.commits) }
func (t scriptedTx) Reset()                                      { t.resets++ }
func (t scriptedTx) Cancel()                                     { t.cancelled++ }

func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (s *scriptedStore) run(ctx context.Context, e env.Env) (string, error) {
	attempts := 0
	return kv.Transact(ctx, e, s, kv.TxOptions{Priority: kv.PriorityHigh},
		func(ctx context.Context, tx kv.Tx) (string, error) {
			attempts++
			if _, err := tx.Get(ctx, nil); err != nil {
				return "", fmt.Errorf("attempt %d: %w", attempts, err)
			}
			return fmt.Sprint(attempts), nil
		})
}

// TestTransact shows which errors are tried again: those that prove that nothing was committed, and no others.
func TestTransact(t *testing.T) {
	unknown := kv.ErrCommitUnknown.With(kv.ErrConflict)
	for name, c := range map[string]struct {
		reads, commits []error
		want           string
		wantErr        error
	}{
		"at once":            {nil, nil, "1", nil},
		"conflicts":          {nil, []error{kv.ErrConflict, kv.ErrConflict}, "3", nil},
		"too old":            {[]error{kv.ErrTooOld}, []error{kv.ErrTooOld}, "3", nil},
		"future version":     {[]error{kv.ErrFutureVersion}, nil, "2", nil},
		"unavailable":        {[]error{kv.ErrUnavailable.With(errOther)}, nil, "2", nil},
		"unknown":            {nil, []error{kv.ErrCommitUnknown}, "", kv.ErrCommitUnknown},
		"unknown conflict":   {nil, []error{unknown}, "", kv.ErrCommitUnknown},
		"unknown of a read":  {[]error{unknown}, nil, "", kv.ErrCommitUnknown},
		"other":              {[]error{errOther}, nil, "", errOther},
		"too large":          {nil, []error{kv.ErrTxTooLarge}, "", kv.ErrTxTooLarge},
		"unreadable":         {[]error{kv.ErrUnreadable}, nil, "", kv.ErrUnreadable},
		"corrupt":            {[]error{kv.ErrConflict, kv.ErrCorrupt}, nil, "", kv.ErrCorrupt},
		"conflict and other": {nil, []error{kv.ErrConflict, errOther}, "", errOther},
	} {
		t.Run(name, func(t *testing.T) {
			envtest.Both(t, func(t *testing.T, e env.Env) {
				s := &scriptedStore{reads: c.reads, commits: c.commits}
				got, err := s.run(context.Background(), e)
				if got != c.want || c.wantErr == nil && err != nil || !errors.Is(err, c.wantErr) {
					t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.wantErr)
				}
				if s.opt.Priority != kv.PriorityHigh || s.cancelled == 0 != (err == nil) || len(s.reads)+
					len(s.commits) != 0 {
					t.Errorf("options %v, cancelled %d, %d reads and %d commits left", s.opt, s.cancelled,
						len(s.reads), len(s.commits))
				}
			})
		})
	}
}

// TestTransactBacksOff shows that attempts become rare and stop with the context, whose cause and the last error are
// returned.
func TestTransactBacksOff(t *testing.T) {
	envtest.Simulated(t, 3, func(t *testing.T, w *coro.Scheduler) {
		e := w.Machine(coro.MainMachine)
		ctx, cancel := env.WithTimeout(e, context.Background(), time.Minute)
		defer cancel()
		s := &scriptedStore{commits: make([]error, 1000)}
		for i := range s.commits {
			s.commits[i] = kv.ErrConflict
		}
		_, err := s.run(ctx, e)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, kv.ErrConflict) {
			t.Errorf("got error %v", err)
		}
		if s.resets < 60 || s.resets > 140 {
			t.Errorf("%d attempts in a minute", s.resets)
		}
		if e.Monotonic() != time.Minute {
			t.Errorf("returned after %v", e.Monotonic())
		}
	})
}

func TestNeverCommitted(t *testing.T) {
	for err, want := range map[error]bool{
		kv.ErrConflict:                              true,
		kv.ErrTooOld.With(errOther):                 true,
		fmt.Errorf("w: %w", kv.ErrValueTooLarge):    true,
		kv.ErrKeyTooLarge:                           true,
		kv.ErrTxTooLarge:                            true,
		kv.ErrFutureVersion:                         false,
		kv.ErrUnavailable:                           false,
		kv.ErrCommitUnknown:                         false,
		kv.ErrCommitUnknown.With(kv.ErrConflict):    false,
		kv.ErrCommitUnknown.With(kv.ErrKeyTooLarge): false,
		errOther: false,
		nil:      false,
	} {
		if kv.NeverCommitted(err) != want {
			t.Errorf("never committed, by %v: %t", err, !want)
		}
	}
}

func TestError(t *testing.T) {
	err := fmt.Errorf("while reading: %w", kv.ErrTooOld.With(errOther))
	if !errors.Is(err, kv.ErrTooOld) || !errors.Is(err, errOther) || errors.Is(err, kv.ErrConflict) {
		t.Errorf("%v is not what it is", err)
	}
	if got, want := err.Error(), "while reading: read version too old: other"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if kv.ErrTooOld.Cause != nil {
		t.Error("With has changed its receiver")
	}
}

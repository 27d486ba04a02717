// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// failing is a store whose reads of ranges fail, from when err is set.
type failing struct {
	*occ.Store
	err error
}

func (f *failing) Begin(o kv.TxOptions) kv.Tx { return &failingTx{f.Store.Begin(o), f} }

type failingTx struct {
	kv.Tx
	store *failing
}

func (tx *failingTx) Snapshot() kv.Reader { return &failingReader{tx.Tx.Snapshot(), tx.store} }

type failingReader struct {
	kv.Reader
	store *failing
}

func (r *failingReader) Range(ctx context.Context, begin, end []byte, o kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	if r.store.err != nil {
		return nil, false, r.store.err
	}
	return r.Reader.Range(ctx, begin, end, o)
}

// TestNothingWaitsForever backs up, checks and counts a store that has forgotten the version, as one does that was
// restarted, or that does not answer: each of that ends, and says why.
func TestNothingWaitsForever(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		ctx := context.Background()
		memory, err := occ.Open(e, occ.NewMemory(), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		store := &failing{Store: memory}
		if _, err := registry.New(e, store).Join(
			ctx, registry.JoinSpec{Node: registry.NodeInfo{ID: "a", Address: "a:1"}}); err != nil {
			t.Fatal(err)
		}
		for failure, says := range map[error]string{kv.ErrTooOld: "restarted", kv.ErrFutureVersion: "restarted",
			kv.ErrUnavailable: "has not answered for 1m"} {
			store.err = failure
			_, _, made := Make(ctx, e, store, io.Discard, Options{})
			_, checked := Check(ctx, e, store, func(registry.Problem) {}, Options{})
			_, counted := Stats(ctx, e, store, Options{})
			for what, err := range map[string]error{"Make": made, "Check": checked, "Stats": counted} {
				if api.CodeOf(err) != api.CodeUnavailable || !strings.Contains(err.Error(), says) {
					t.Errorf("%s of a store that fails by %v: %v", what, failure, err)
				}
			}
		}
		store.err = nil
		if _, _, err := Make(ctx, e, store, io.Discard, Options{}); err != nil {
			t.Error(err)
		}
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
}

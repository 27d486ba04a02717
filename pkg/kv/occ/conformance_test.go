// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ_test

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/kvtest"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

func openMemory(opt occ.Options) kvtest.Open {
	return func(t *testing.T, e env.Env) kv.Store {
		s, err := occ.Open(e, occ.NewMemory(), opt)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// simulated is a world in virtual time. With this many tests one seed is enough.
func simulated(t *testing.T, f func(t *testing.T, e env.Env)) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) { f(t, s.Machine(coro.MainMachine)) })
}

// TestConformance shows that the store on memory answers as FoundationDB does, in both worlds.
func TestConformance(t *testing.T) {
	both := func(t *testing.T, f func(t *testing.T, e env.Env)) {
		t.Run("real", func(t *testing.T) { f(t, env.Real()) })
		simulated(t, f)
	}
	kvtest.Run(t, openMemory(occ.Options{}), kvtest.In(both), kvtest.SharesVersions())
}

// TestConformanceCrowded shows the same where transactions share versions as often as may be, in
// batches that are often full.
func TestConformanceCrowded(t *testing.T) {
	opt := occ.Options{Gather: time.Millisecond, BatchTransactions: 3}
	kvtest.Run(t, openMemory(opt), kvtest.In(simulated), kvtest.SharesVersions())
}

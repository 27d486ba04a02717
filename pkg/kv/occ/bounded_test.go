// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// TestMemoryOfADay commits and reads for a day of virtual time, other keys each time, and shows that what the store
// keeps beside its pairs is what the last window has made of it, and after a pause, nothing.
func TestMemoryOfADay(t *testing.T) {
	const day, pause, keys = 24*time.Hour - 10*time.Minute, 2 * time.Second, 4 // a simulation ends after a day
	opt := Options{Window: 10 * time.Second}
	// Of a window, and what is dropped a little later so that several are at a time.
	most := 2 * int(opt.Window/pause)
	run := func(s *storeTest) {
		begin := s.env.Monotonic()
		for n := 20; s.env.Monotonic()-begin < day; n++ {
			s.commitDay(n, keys)
			if n%1000 == 999 {
				s.wantKept(most, keys)
			}
			if err := env.Sleep(s.env, ctx, pause); err != nil {
				t.Fatal(err)
			}
		}
		if err := env.Sleep(s.env, ctx, 3*opt.Window); err != nil {
			t.Fatal(err)
		}
		s.wantKept(1, 0)
	}
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		withStore(t, s.Machine(coro.MainMachine), opt, run)
	})
}

// commitDay commits new keys, clears old ones, and reads a range that has been written lately.
func (s *storeTest) commitDay(n, keys int) {
	s.Helper()
	key := func(n, i int) []byte { return fmt.Appendf(nil, "day/%08d/%d", n, i) }
	tx := s.Begin(kv.TxOptions{})
	if _, _, err := tx.Snapshot().Range(ctx, key(n-2, 0), key(n, 0), kv.RangeOptions{}); err != nil {
		s.Fatal(err)
	}
	if err := tx.AddReadConflictRange(key(n, 0), key(n+1, 0)); err != nil {
		s.Fatal(err)
	}
	for i := range keys {
		tx.Set(key(n, i), []byte("value"))
	}
	tx.ClearRange(key(n-20, 0), key(n-19, 0))
	s.let(1)
	if err := tx.Commit(ctx); err != nil {
		s.Fatal(err)
	}
	s.awaitBatch()
}

// wantKept wants no more to be kept than the given commits of the given number of keys made.
func (s *storeTest) wantKept(commits, keys int) {
	s.Helper()
	snapshots := s.engine.openSnapshots()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resolver
	for what, n := range map[string][2]int{
		"versions":          {len(s.versions.list), 2*commits + stepsPerWindow},
		"room for versions": {cap(s.versions.list), 16 * (commits + stepsPerWindow)},
		"snapshots":         {snapshots, commits},
		"keys":              {len(r.keys), commits * keys},
		"bounds of ranges":  {r.wide.Len(), 2 * commits},
		"keys in order":     {r.index.Len(), commits * keys},
		"writes":            {len(r.written), commits},
		"room for writes":   {cap(r.written), 16 * commits},
	} {
		if n[0] > n[1] {
			s.Errorf("after %v: %d %s, of at most %d", s.env.Monotonic(), n[0], what, n[1])
		}
	}
}

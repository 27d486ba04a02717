// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// TestGoodStore shows that every part passes in the way that the broken stores are run: what they fail by is their
// break.
func TestGoodStore(t *testing.T) {
	for _, p := range (&suite{}).parts() {
		if failures := failuresOf(t, p.name, func(s kv.Store) kv.Store { return s }); len(failures) > 0 {
			t.Errorf("%s fails on a store that is not broken: %s", p.name, strings.Join(failures, "; "))
		}
	}
}

// TestBrokenStores shows that the suite finds what it is there to find: each of these stores breaks the contract in
// one way, and each of the parts that are named with it must fail.
func TestBrokenStores(t *testing.T) {
	for _, b := range brokenStores {
		t.Run(strings.ReplaceAll(b.breaks, " ", "-"), func(t *testing.T) {
			for _, name := range strings.Fields(b.caught) {
				failures := failuresOf(t, name, b.open)
				if len(failures) == 0 {
					t.Errorf("%s passes on a store that %s", name, b.breaks)
					continue
				}
				t.Logf("%s: %.200s", name, failures[0])
			}
		})
	}
}

// brokenBy returns the store that breaks the contract in a way.
func brokenBy(t *testing.T, breaks string) brokenStore {
	t.Helper()
	i := slices.IndexFunc(brokenStores, func(b brokenStore) bool { return b.breaks == breaks })
	if i < 0 {
		t.Fatalf("no store %s", breaks)
	}
	return brokenStores[i]
}

// failuresOf runs a part of the suite on a store in memory, broken by a function, and returns what the part reports.
func failuresOf(t *testing.T, name string, breaking func(kv.Store) kv.Store) []string {
	t.Helper()
	all := (&suite{}).parts()
	i := slices.IndexFunc(all, func(p part) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("the suite has no part %s", name)
	}
	return failuresIn(t, occ.NewMemory(), breaking, all[i].test)
}

// failuresIn is failuresOf for a test of any kind, and an engine.
func failuresIn(t *testing.T, engine occ.Engine, breaking func(kv.Store) kv.Store, test func(w *world)) []string {
	t.Helper()
	var w *witness
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		store, err := occ.Open(e, engine, occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w = &witness{TB: t}
		w.run(e, breaking(store), test)
	})
	if w == nil {
		t.Skip("needs the simulated world")
	}
	return w.failures
}

// witness is a testing.TB that keeps what is reported to it, and does not fail.
type witness struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

// ended is the panic by which a test that can't go on ends.
type ended struct{}

// run runs a test, which may panic: what it was told by a broken store may make no sense at all.
func (w *witness) run(e env.Env, store kv.Store, test func(w *world)) {
	defer func() {
		switch r := recover(); {
		case env.Killed(r):
			panic(r)
		case r != nil && r != ended{}:
			w.Errorf("panic: %v", r)
		}
	}()
	inWorld(w, e, store, test)
}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

func (w *witness) Error(args ...any) { w.Errorf("%s", fmt.Sprintln(args...)) }

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	panic(ended{})
}

func (w *witness) Fatal(args ...any) { w.Fatalf("%s", fmt.Sprintln(args...)) }

func (w *witness) Fail() { w.Errorf("failed") }

func (w *witness) FailNow() { w.Fatalf("failed") }

func (w *witness) Failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.failures) > 0
}

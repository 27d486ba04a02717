// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// SeedVar is the environment variable that names the one seed to run, for
// reproducing a failure.
const SeedVar = "KELPIE_SEED"

// WorldVar is the environment variable that, set to "real", leaves the simulated
// runs out: under the race detector they are slow and can't show a race, as one task runs at a time.
const WorldVar = "KELPIE_TEST_WORLD"

// IdleWorker is the function that goroutines wait in for the next task of the real world: they are no leak.
const IdleWorker = "github.com/kelpiehq/kelpie/pkg/env.(*workers).work"

// The bounds of a simulated test: far above what one takes, near enough to end
// one that is stuck.
const (
	stepsMax   = 50_000_000
	elapsedMax = 24 * time.Hour
)

// seeds is how many interleavings Both tries.
const seeds = 4

// Both runs f as a subtest in the real world, and as subtests under the
// scheduler with a few seeds. Under the scheduler, f is a task: it may block, but only through e,
// and all that it has left running is killed when it returns. It takes its contexts from
// context.Background, not from t.Context, and cleans up by defer where that
// blocks, for functions of t.Cleanup are not tasks.
func Both(t *testing.T, f func(t *testing.T, e env.Env)) {
	t.Helper()
	t.Run("real", func(t *testing.T) { f(t, env.Real()) })
	Simulated(t, seeds, func(t *testing.T, s *coro.Scheduler) { f(t, s.Machine(coro.MainMachine)) })
}

// Simulated runs f as the main task of a scheduler, in a subtest for each of a number
// of seeds, or for that of KELPIE_SEED alone.
func Simulated(t *testing.T, seeds int, f func(t *testing.T, s *coro.Scheduler)) {
	t.Helper()
	if RealOnly() {
		t.Logf("%s=real: the simulated runs are left out", WorldVar)
		return
	}
	if chosen, ok := os.LookupEnv(SeedVar); ok {
		seed, err := strconv.ParseUint(chosen, 10, 64)
		if err != nil {
			t.Fatalf("%s must be an unsigned number: %v", SeedVar, err)
		}
		simulate(t, seed, f)
		return
	}
	for seed := range seeds {
		simulate(t, uint64(seed), f)
	}
}

// RealOnly reports whether only tests of the real world are wanted, as with the race detector: it finds nothing where
// all is done by one goroutine at a time, and takes long. What is run all the same does less of what it repeats.
func RealOnly() bool { return os.Getenv(WorldVar) == "real" }

func simulate(t *testing.T, seed uint64, f func(t *testing.T, s *coro.Scheduler)) {
	t.Helper()
	t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
		s := coro.New(coro.Options{Seed: seed, StepsMax: stepsMax, ElapsedMax: elapsedMax})
		err := s.Run(func() { f(t, s) })
		if t.Skipped() {
			return
		}
		if err != nil && !(t.Failed() && errors.Is(err, coro.ErrGoexit)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("to reproduce: %s=%d go test -run '%s'", SeedVar, seed, t.Name())
		}
	})
}

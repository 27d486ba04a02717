// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// yield lets other tasks run.
func yield(t *testing.T, e env.Env) {
	p := e.NewParker()
	e.AfterFunc(0, p.Unpark)
	must(t, p.Park(background))
}

// interleave runs tasks of a number of steps, between which they yield, and returns in which order
// these were taken.
func interleave(t *testing.T, seed uint64, tasks, steps int) (order string, hash uint64) {
	t.Helper()
	var b strings.Builder
	s := run(t, seed, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		g := env.NewGroup(e, background)
		for i := range tasks {
			g.Go("task", func(context.Context) {
				for step := range steps {
					if step > 0 {
						yield(t, e)
					}
					b.WriteByte(byte('a' + i))
				}
			})
		}
		must(t, g.Wait(background))
	})
	return b.String(), s.TraceHash()
}

// orders is in how many orders tasks of a number of steps can be interleaved.
func orders(tasks, steps int) int {
	n, placed := 1, 0
	for range tasks {
		for step := range steps {
			placed++
			n = n * placed / (step + 1)
		}
	}
	return n
}

// TestEveryOrderOfASmallProgram compares the orders seen with those that there are. They are not equally likely: a
// task that yields competes for each step of its way back, so that it seldom runs through alone.
func TestEveryOrderOfASmallProgram(t *testing.T) {
	for _, c := range []struct {
		tasks, steps int
		seeds        uint64
	}{{2, 2, 1000}, {3, 1, 1000}, {2, 3, 1000}, {4, 1, 1000}, {3, 2, 2000}} {
		seen := make(map[string]int)
		for seed := range c.seeds {
			order, _ := interleave(t, seed, c.tasks, c.steps)
			seen[order]++
		}
		t.Logf("%d tasks of %d steps: %d seeds took %d orders of %d", c.tasks, c.steps, c.seeds, len(seen),
			orders(c.tasks, c.steps))
		equal(t, "orders", len(seen), orders(c.tasks, c.steps))
	}
}

// TestSeedsOfABiggerProgramDiffer: of more orders than could ever be tried, each seed takes its own.
func TestSeedsOfABiggerProgramDiffer(t *testing.T) {
	const seeds = 1000
	byOrder, byHash := make(map[string]bool), make(map[uint64]bool)
	for seed := range uint64(seeds) {
		order, hash := interleave(t, seed, 5, 10)
		byOrder[order], byHash[hash] = true, true
	}
	equal(t, "distinct orders", len(byOrder), seeds)
	equal(t, "distinct traces", len(byHash), seeds)
}

// eventful is program on machines that are slow, drift and die.
func eventful(t *testing.T, seed uint64) string {
	var order string
	s := run(t, seed, func(s *coro.Scheduler) {
		s.Machine("m0").SetSlow(time.Millisecond)
		s.Machine("m2").SetDrift(300_000)
		victim := s.Machine("victim")
		for range 10 {
			victim.Go("victim", func() {
				for range 3 {
					yield(t, victim)
				}
			})
		}
		victim.AfterFunc(0, victim.Kill)
		order = program(s)
	})
	return fmt.Sprintf("%x %d %v %s", s.TraceHash(), s.Steps(), s.Elapsed(), order)
}

// tracesVar makes TestPrintTraces print.
const tracesVar = "KELPIE_TEST_PRINT_TRACES"

func traces(t *testing.T) string {
	var b strings.Builder
	for seed := range uint64(20) {
		fmt.Fprintf(&b, "trace %d %s\n", seed, eventful(t, seed))
	}
	return b.String()
}

// TestPrintTraces is what TestSameTracesInEveryProcess runs.
func TestPrintTraces(t *testing.T) {
	if os.Getenv(tracesVar) != "" {
		fmt.Print(traces(t))
	}
}

// TestSameTracesInEveryProcess runs programs in other processes, whose maps are ordered otherwise and whose memory
// lies elsewhere, on one processor and on four.
func TestSameTracesInEveryProcess(t *testing.T) {
	want := traces(t)
	for _, processors := range []string{"1", "4", "4"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPrintTraces$")
		cmd.Env = append(os.Environ(), tracesVar+"=1", "GOMAXPROCS="+processors)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(out), want) {
			t.Errorf("with GOMAXPROCS=%s:\n%s\nwant\n%s", processors, out, want)
		}
	}
}

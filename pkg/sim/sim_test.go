// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestSeeds runs seeds of the default profile: every promise holds, and every kind of fault happens to somebody.
func TestSeeds(t *testing.T) {
	var mu sync.Mutex
	happened := make(map[string]int)
	t.Run("holds", func(t *testing.T) {
		for seed := uint64(1); seed <= 150; seed++ {
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				t.Parallel()
				r := holds(t, sim.Options{Seed: seed})
				mu.Lock()
				defer mu.Unlock()
				for fault, n := range r.Faults {
					name, _, _ := strings.Cut(fault, " ") // "restore moment" is a restore
					happened[name] += n
				}
			})
		}
	})
	for _, item := range sim.Catalog() {
		if item.Kind == "fault" && item.Name != "retire" && happened[item.Name] == 0 { // that one must be asked for
			t.Errorf("%s never happened: %s", item.Name, item.Description)
		}
	}
}

// TestProfiles runs a seed or two of each profile.
func TestProfiles(t *testing.T) {
	for _, p := range sim.Profiles {
		for seed := uint64(1); seed <= 2; seed++ {
			t.Run(fmt.Sprintf("%s/seed=%d", p.Name, seed), func(t *testing.T) {
				t.Parallel()
				o := sim.Options{Seed: seed, Profile: p.Name}
				if p.Name == "storm" {
					o.Calls = 60
				}
				holds(t, o)
			})
		}
	}
}

func holds(t *testing.T, o sim.Options) *sim.Result {
	t.Helper()
	r := run(t, o)
	for _, v := range r.Violations {
		t.Errorf("at %v, %s: %s", v.At, v.Checker, v.What)
	}
	if len(r.Violations) > 0 {
		t.Logf("to reproduce: kelpie sim %s", o.Flags())
	}
	if r.Undecided > 0 {
		t.Logf("%d histories were not judged in time", r.Undecided)
	}
	return r
}

// hashOf is a line that tells a run from any other.
func hashOf(t *testing.T, seed uint64) string {
	r := run(t, sim.Options{Seed: seed})
	return fmt.Sprintf("seed %d: %016x, %d steps, %v", seed, r.TraceHash, r.Steps, r.Elapsed)
}

const hashVar = "KELPIE_TEST_HASHES"

// TestDeterminism shows that a seed takes the same steps in this process again, on one processor, with a timeline,
// and in another process; and that seeds differ.
func TestDeterminism(t *testing.T) {
	const seeds = 5
	var lines []string
	for seed := range uint64(seeds) {
		lines = append(lines, hashOf(t, seed))
	}
	if os.Getenv(hashVar) != "" {
		fmt.Println(strings.Join(lines, "\n"))
		return
	}
	before := runtime.GOMAXPROCS(1)
	for seed := range uint64(seeds) {
		if again := hashOf(t, seed); again != lines[seed] {
			t.Errorf("on one processor: %s, not %s", again, lines[seed])
		}
	}
	runtime.GOMAXPROCS(before)
	for seed := range uint64(seeds) {
		traced := run(t, sim.Options{Seed: seed, Trace: true})
		if !strings.Contains(lines[seed], fmt.Sprintf("%016x", traced.TraceHash)) {
			t.Errorf("with a timeline: %016x, not %s", traced.TraceHash, lines[seed])
		}
	}
	other := exec.Command(os.Args[0], "-test.run", "^TestDeterminism$")
	other.Env = append(os.Environ(), hashVar+"=1")
	out, err := other.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), strings.Join(lines, "\n")) {
		t.Errorf("in another process: %s\nhere: %s", out, strings.Join(lines, "\n"))
	}
	if lines[0][8:] == lines[1][8:] {
		t.Error("two seeds took the same steps")
	}
}

// TestOptionsComeBack shows that the flags of a run, with every choice made, give that run again.
func TestOptionsComeBack(t *testing.T) {
	for seed := range uint64(20) {
		first, err := sim.Options{Seed: seed}.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		o := first.Options()
		plan, err := sim.ParsePlan(o.Plan.String())
		if err != nil {
			t.Fatal(err)
		}
		o.Plan = &plan
		again, err := o.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", first) != fmt.Sprintf("%+v", again) {
			t.Errorf("%+v\nis not\n%+v", again, first)
		}
	}
}

// TestWrongOptions shows what is said of options that make no run.
func TestWrongOptions(t *testing.T) {
	plan := func(text string) *sim.Plan {
		p, err := sim.ParsePlan(text)
		if err != nil {
			t.Fatal(err)
		}
		return &p
	}
	for _, c := range []struct {
		o    sim.Options
		says string
	}{
		{sim.Options{Profile: "mild"}, "mild"},
		{sim.Options{Nodes: -1}, "--nodes -1"},
		{sim.Options{Nodes: 1001}, "--nodes 1001"},
		{sim.Options{Clients: 1001}, "--clients 1001"},
		{sim.Options{Calls: -5}, "--calls -5"},
		{sim.Options{For: -1}, "--duration"},
		{sim.Options{Bug: "none"}, "--bug"},
		{sim.Options{Faults: []string{"fire"}}, "fire"},
		{sim.Options{Workloads: []string{"work"}}, "work"},
		{sim.Options{Plan: plan("1s flood")}, "flood"},
		{sim.Options{Plan: plan("1s crash n1")}, "it wants a node and one of 0s"},
		{sim.Options{Plan: plan("1s crash n3 0s"), Nodes: 2}, "there is no n3"},
		{sim.Options{Plan: plan("1s join 1 1s; 2s crash n4 0s"), Nodes: 2}, "there is no n4: the run has 3 nodes"},
		{sim.Options{Plan: plan("1s crash n1 0s; 2s join")}, "it wants"},
		{sim.Options{Plan: plan("1s partition c4 n1 1s"), Clients: 3}, "there is no c4"},
		{sim.Options{Plan: plan("1s crash x1 0s")}, "x1"},
		{sim.Options{Plan: plan("1s conflict")}, "conflict"},
	} {
		if _, err := sim.Run(c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, which does not say %q", c.o.Flags(), err, c.says)
		}
	}
	for _, text := range []string{"crash n1", "1s", "-1s crash n1 0s", "soon crash n1 0s"} {
		if _, err := sim.ParsePlan(text); err == nil {
			t.Errorf("%q is taken for a plan", text)
		}
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package envtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

// These tests are of the simulated world: they run there whatever the variable says for others.
func TestMain(m *testing.M) {
	if err := os.Unsetenv(envtest.WorldVar); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestRealWorldAlone(t *testing.T) {
	t.Setenv(envtest.WorldVar, "real")
	worlds := 0
	envtest.Both(t, func(*testing.T, env.Env) { worlds++ })
	if worlds != 1 {
		t.Fatalf("run in %d worlds, want the real one", worlds)
	}
}

func TestBothRunsInBothWorlds(t *testing.T) {
	runs := make(map[bool]int)
	envtest.Both(t, func(_ *testing.T, e env.Env) {
		_, simulated := e.(*coro.Machine)
		runs[simulated]++
	})
	if runs[false] != 1 || runs[true] < 2 {
		t.Errorf("runs by simulated: %v", runs)
	}
}

func TestSeedIsChosen(t *testing.T) {
	t.Setenv(envtest.SeedVar, "42")
	var names []string
	envtest.Simulated(t, 3, func(t *testing.T, _ *coro.Scheduler) { names = append(names, t.Name()) })
	if len(names) != 1 || names[0] != t.Name()+"/seed=42" {
		t.Errorf("ran %v", names)
	}
}

func TestSkipInATask(t *testing.T) {
	envtest.Both(t, func(t *testing.T, _ env.Env) { t.Skip("on purpose") })
}

// failing are tests that fail in a process of their own, and what they say then.
var failing = map[string]struct {
	f    func(t *testing.T, e env.Env)
	says string
}{
	"fatal":    {func(t *testing.T, _ env.Env) { t.Fatal("on purpose") }, ": on purpose"},
	"error":    {func(t *testing.T, _ env.Env) { t.Error("on purpose") }, ": on purpose"},
	"panic":    {func(*testing.T, env.Env) { panic("on purpose") }, "panicked: on purpose"},
	"deadlock": {func(_ *testing.T, e env.Env) { _ = e.NewParker().Park(context.Background()) }, "deadlock after 0s"},
}

const failVar = "ENVTEST_FAIL"

func TestChildThatFails(t *testing.T) {
	c, ok := failing[os.Getenv(failVar)]
	if !ok {
		t.Skip("for TestFailureNamesItsSeed only")
	}
	envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) { c.f(t, s.Machine(coro.MainMachine)) })
}

func TestFailureNamesItsSeed(t *testing.T) {
	for name, c := range failing {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestChildThatFails$")
			child.Env = append(os.Environ(), failVar+"="+name)
			out, err := child.CombinedOutput()
			if err == nil {
				t.Fatalf("did not fail:\n%s", out)
			}
			for _, part := range []string{
				"to reproduce: KELPIE_SEED=0 go test -run 'TestChildThatFails/seed=0'",
				"to reproduce: KELPIE_SEED=1 go test -run 'TestChildThatFails/seed=1'",
				c.says,
			} {
				if !strings.Contains(string(out), part) {
					t.Errorf("%q is not in the output:\n%s", part, out)
				}
			}
			if strings.Contains(string(out), "Goexit") {
				t.Errorf("speaks of how it stopped:\n%s", out)
			}
		})
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package testtools

import (
	"strings"
	"testing"
)

// TestRequire shows that a missing tool skips a test, and fails it under CI.
func TestRequire(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range []struct {
		ci              string
		skipped, failed bool
	}{
		{"", true, false},
		{"false", true, false},
		{"true", false, true},
		{"1", false, true},
	} {
		t.Setenv("CI", c.ci)
		r := new(recorder)
		r.run(func() { Require(r, "tmux", "zsh") })
		if r.skipped != c.skipped || r.failed != c.failed {
			t.Errorf("CI=%q: skipped %v, failed %v", c.ci, r.skipped, r.failed)
		}
		if want := "needs tmux, zsh: apt-get install tmux zsh"; r.said != want {
			t.Errorf("CI=%q: it says %q, want %q", c.ci, r.said, want)
		}
	}
}

// TestRequireUnlisted shows that a tool that Summary would not report can't be required.
func TestRequireUnlisted(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it can")
		}
	}()
	Require(t, "abacus")
}

// TestSummary shows what is said at the end of make test.
func TestSummary(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := Summary(false)
	for _, want := range []string{"Left out: ", "tmux", "zsh", "a C compiler (race detector)",
		"To run them: apt-get install ", "gcc libc6-dev."} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q: %s", want, got)
		}
	}
	if strings.Contains(got, "\n") {
		t.Errorf("it is more than a line: %q", got)
	}
	if got := Summary(true); strings.Contains(got, "gcc") {
		t.Errorf("with a race detector it says %s", got)
	}
}

// recorder notes how a test would have ended.
type recorder struct {
	skipped, failed bool
	said            string
}

// run calls f until it returns, or ends the test.
func (r *recorder) run(f func()) {
	defer func() {
		if ended := recover(); ended != nil && ended != r {
			panic(ended)
		}
	}()
	f()
}

func (r *recorder) Skip(args ...any) {
	r.skipped, r.said = true, args[0].(string)
	panic(r)
}

func (r *recorder) Fatal(args ...any) {
	r.failed, r.said = true, args[0].(string)
	panic(r)
}

func (r *recorder) Helper() {}

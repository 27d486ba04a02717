// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"errors"
	"slices"
	"testing"
)

// counts is a machine of numbers that breaks its promise at 7.
func counts(next func(n int, out *Steps[int])) *Machine[int] {
	return &Machine[int]{Next: next, Broken: func(n *int) string {
		if *n == 7 {
			return "seven"
		}
		return ""
	}}
}

func byOneOrTwo(n int, out *Steps[int]) {
	if n < 9 {
		out.Step(n+1, "one to %d", uint8(n+1))
		out.Step(n+2, "two to %d", uint8(n+2))
	}
}

func TestExploreFindsTheShortestWay(t *testing.T) {
	r, err := Explore(counts(byOneOrTwo), 100)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"one to 1", "two to 3", "two to 5", "two to 7"}
	if r.Violation != "seven" || !slices.Equal(r.Trace, want) {
		t.Errorf("found %v, want %q", r, want)
	}
}

func TestExploreVisitsEverything(t *testing.T) {
	m := counts(byOneOrTwo)
	m.Broken = func(*int) string { return "" }
	r, err := Explore(m, 100)
	if err != nil {
		t.Fatal(err)
	}
	const states, steps, depth = 11, 18, 5
	if r.Violation != "" || r.States != states || r.Steps != steps || r.Depth != depth {
		t.Errorf("found %+v, want %d states, %d steps, depth %d", r, states, steps, depth)
	}
}

func TestExploreGivesUpAtItsLimit(t *testing.T) {
	m := counts(func(n int, out *Steps[int]) { out.Step(n-1, "down") })
	if r, err := Explore(m, 100); !errors.Is(err, errTooLarge) {
		t.Errorf("found %v, %v, want %v", r, err, errTooLarge)
	}
}

func TestExploreFindsWhereItIsStuck(t *testing.T) {
	m := &Machine[int]{
		Next: func(n int, out *Steps[int]) {
			switch {
			case n < 3:
				out.Step(n+1, "on to %d", uint8(n+1))
				out.Fault(10, "into the circle")
			case n == 10 || n == 11:
				out.Step(21-n, "round")
				out.Fault(3, "out of it")
			}
		},
		Broken: func(*int) string { return "" },
		Done:   func(n *int) bool { return *n == 3 },
	}
	r, err := Explore(m, 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"into the circle"}; r.Violation != Stuck || !slices.Equal(r.Trace, want) {
		t.Errorf("found %v, want it to be stuck after %q", r, want)
	}
}

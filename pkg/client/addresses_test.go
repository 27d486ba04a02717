// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"slices"
	"testing"
	"time"
)

func TestAddressesThatFailedArePassedOver(t *testing.T) {
	a := newAddresses([]string{"a", "b", "a", "c"})
	want := func(now time.Duration, want ...string) {
		t.Helper()
		if turn := a.inTurn(now); turn[0] != want[0] || len(turn) != 3 {
			t.Errorf("in turn %q, want %q first", turn, want[0])
		}
		var got []string
		for range want {
			got = append(got, a.choose(now))
		}
		if !slices.Equal(got, want) {
			t.Errorf("chose %q, want %q", got, want)
		}
	}
	want(0, "a", "b", "c", "a")
	a.failed("b", 0, false)
	a.failed("stranger", 0, false)
	want(0, "c", "a", "c")
	a.failed("a", avoidTime/2, false)
	a.failed("c", avoidTime/2, false)
	want(avoidTime/2, "b", "b") // failed first
	want(avoidTime, "b", "b")
	a.worked("c")
	want(avoidTime, "c", "b", "c")
	want(2*avoidTime, "a", "b", "c", "a")
}

// An address that can't be connected to is tried less and less often, until it works.
func TestAnAddressThatCannotBeReachedIsTriedSeldom(t *testing.T) {
	a := newAddresses([]string{"a", "b"})
	tried := 0
	for now := time.Duration(0); now < 10*time.Minute; now += 100 * time.Millisecond {
		if a.choose(now) == "a" {
			tried++
			a.failed("a", now, true)
		}
	}
	if tried < 10 || tried > 10*60/20 {
		t.Errorf("it was tried %d times within 10 minutes", tried)
	}
	a.worked("a")
	if a.left("a", 0) != 0 {
		t.Error("it is passed over though it works")
	}
}

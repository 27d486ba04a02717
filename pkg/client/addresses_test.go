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
	a.failed("b", 0)
	a.failed("stranger", 0)
	want(0, "c", "a", "c")
	a.failed("a", avoidTime/2)
	a.failed("c", avoidTime/2)
	want(avoidTime/2, "b", "b") // failed first
	want(avoidTime, "b", "b")
	a.worked("c")
	want(avoidTime, "c", "b", "c")
	want(2*avoidTime, "a", "b", "c", "a")
}

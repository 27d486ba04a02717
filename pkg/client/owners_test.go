// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

func TestTheOwnersLeastUsedAreForgotten(t *testing.T) {
	o := newOwners(3)
	id := func(n int) api.ActorID { return api.ActorID{Namespace: "n", ID: fmt.Sprint(n)} }
	for n := range 3 {
		o.put(id(n), "old")
	}
	o.get(id(0))
	o.put(id(1), "new")
	for n := 3; n < 5; n++ { // pushes 2 out, then 0
		o.put(id(n), "old")
	}
	for n, want := range []string{"", "new", "", "old", "old"} {
		if addr, _ := o.get(id(n)); addr != want {
			t.Errorf("%d is at %q, want %q", n, addr, want)
		}
	}
	if len(o.entries) != 3 || o.order.Len() != 3 {
		t.Errorf("%d and %d entries", len(o.entries), o.order.Len())
	}
	o.remove(id(1), "old")
	if _, ok := o.get(id(1)); !ok {
		t.Error("what was learnt meanwhile is forgotten")
	}
	o.remove(id(1), "new")
	if _, ok := o.get(id(1)); ok {
		t.Error("an owner that failed is remembered")
	}
}

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

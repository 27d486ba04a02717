// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

func TestTokensComeBack(t *testing.T) {
	ctx, a := context.Background(), actortest.New(limits)
	after := func(pause time.Duration) {
		t.Helper()
		if err := a.Advance(ctx, pause); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want decision) {
		t.Helper()
		if got, err := take.On(a, "me").Call(ctx, actor.None{}); err != nil ||
			got.Allowed != want.Allowed || got.Retry != want.Retry {
			t.Errorf("%+v (%v), want %+v", got, err, want)
		}
	}
	for range burst {
		want(decision{Allowed: true})
	}
	want(decision{Retry: refill})
	after(refill * 3 / 2)
	want(decision{Allowed: true})
	want(decision{Retry: refill / 2})
	after(time.Hour)
	for range burst {
		want(decision{Allowed: true})
	}
	want(decision{Retry: refill})
}

// TestTheLimitHolds calls one limiter from many clients, on a cluster without faults: none of the buckets that it
// had, one after the other, has allowed more than it may.
func TestTheLimitHolds(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 5, Nodes: 2, Calls: 40, For: 5 * time.Second, Faults: []string{},
		Program: func() sim.Program {
			allowed := make(map[uint64]int64) // by the life of the bucket
			var began, ended time.Time        // by the clocks of the clients, which differ
			return sim.Program{
				Kinds: func() []actor.Kind { return []actor.Kind{limits} },
				Client: func(c *sim.Client) {
					for c.More() {
						now := c.Env().Now()
						if began.IsZero() || now.Before(began) {
							began = now
						}
						var d decision
						if err := c.Surely(limits.ID("1"), take.Name(), actor.None{}, &d); err == nil && d.Allowed {
							allowed[d.Life]++
						}
						if now = c.Env().Now(); now.After(ended) {
							ended = now
						}
					}
				},
				Check: func(c *sim.Client) {
					most := burst + int64(ended.Sub(began)/refill)
					for _, life := range slices.Sorted(maps.Keys(allowed)) {
						if allowed[life] > most {
							c.Errorf("%d requests were allowed, want at most %d", allowed[life], most)
						}
					}
					if len(allowed) == 0 {
						c.Errorf("nothing was allowed")
					}
				},
			}
		}})
}

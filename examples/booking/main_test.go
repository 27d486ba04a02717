// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

// TestBothOrNeither books trips on clusters in which everything fails that can: in the end every trip is confirmed or
// cancelled, and the places that are taken are those of confirmed trips.
func TestBothOrNeither(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 8, Calls: 8, Program: func() sim.Program {
		booked := make(map[string]plan)
		var order []string
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{trips, resources} },
			Client: func(c *sim.Client) {
				for c.More() {
					id := c.Unique()
					p := plan{fmt.Sprint("flight-", c.IntN(3)), fmt.Sprint("hotel-", c.IntN(3))}
					if err := c.Surely(trips.ID(id), book.Name(), p, nil); err != nil {
						c.Errorf("book %s: %v", id, err)
					}
					booked[id] = p
					order = append(order, id)
				}
			},
			Check: func(c *sim.Client) {
				want := make(map[string]int)
				for _, id := range order {
					if settled(c, id) == confirmed {
						want[booked[id].Flight]++
						want[booked[id].Hotel]++
					}
				}
				for i := range 3 {
					for _, id := range []string{fmt.Sprint("flight-", i), fmt.Sprint("hotel-", i)} {
						wantTaken(c, id, want[id])
					}
				}
			},
		}
	}})
}

// settled waits for the end of a trip.
func settled(c *sim.Client, id string) (s status) {
	for {
		if err := c.Surely(trips.ID(id), show.Name(), nil, &s); err != nil {
			c.Errorf("trip %s: %v", id, err)
			return s
		}
		if s == confirmed || s == cancelled {
			return s
		}
		c.Pause(time.Second)
	}
}

// wantTaken waits until a release that is on its way has come.
func wantTaken(c *sim.Client, id string, want int) {
	got := -1
	for range 60 {
		if err := c.Surely(resources.ID(id), taken.Name(), nil, &got); err == nil && got == want {
			return
		}
		c.Pause(time.Second)
	}
	c.Errorf("%s: %d places are taken, want %d", id, got, want)
}

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

const devices = 3

var faults = []string{"crash", "leave", "pause", "unavailable", "break-claim"}

// TestSilentDevicesGoOffline reports on clusters whose nodes crash, leave and pause, and whose store fails; clocks
// are right, as silence is measured by them. Every report counts once, and in the end each device that has reported
// is offline, though nobody calls its twin meanwhile.
func TestSilentDevicesGoOffline(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 8, Calls: 20, Faults: faults, Program: func() sim.Program {
		var reports [devices]int
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{twins} },
			Client: func(c *sim.Client) {
				for c.More() {
					i := c.IntN(devices)
					if err := c.Surely(twins.ID(fmt.Sprint(i)), report.Name(), 21.5, nil); err != nil {
						c.Errorf("report: %v", err)
					}
					reports[i]++
				}
			},
			Check: func(c *sim.Client) {
				c.Pause(time.Minute)
				for i, want := range reports {
					var got twin
					err := c.Surely(twins.ID(fmt.Sprint(i)), show.Name(), nil, &got)
					if err != nil || got.Reports != want || got.Online || (got.Outages == 0) != (want == 0) ||
						got.Outages > want {
						c.Errorf("device %d: %+v (%v), want %d reports and offline", i, got, err, want)
					}
				}
			},
		}
	}})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"testing"
	"time"
)

// A wall clock that is ahead for a few seconds makes what is due then come too early. What repeats, or is tried again,
// is not put off by that for as long as the clock was ahead.
func TestAClockThatWasAheadSilencesNoAlarm(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 10 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			simulateChores(t, 4, func(c *cluster) {
				c.startAll(2)
				c.do(chore("every"), "set", order{Name: "a", Every: 10 * time.Second, Text: "every"}, nil)
				c.do(chore("cron"), "set", order{Name: "a", Cron: "* * * * *", Text: "cron"}, nil)
				c.do(chore("bad"), "set", order{Name: "a", After: time.Second, Method: "fail", Text: "bad"}, nil)
				c.do(chore("far"), "set", order{Name: "a", After: 2 * ahead, Every: time.Minute, Text: "far"}, nil)
				c.sleep(5 * time.Second)
				for _, m := range c.nodes {
					m.machine.SetWallOffset(ahead)
				}
				c.sleep(3 * time.Second)
				for _, m := range c.nodes {
					m.machine.SetWallOffset(0)
				}
				c.sleep(2 * time.Minute)
				every, cron := len(c.logOf("every").Log), len(c.logOf("cron").Log)
				tried := tries
				c.sleep(2 * time.Minute)
				if n := len(c.logOf("every").Log) - every; n < 11 || n > 13 {
					c.Errorf("every 10 s: it has run %d times within 2 minutes", n)
				}
				if n := len(c.logOf("cron").Log) - cron; n < 1 || n > 3 {
					c.Errorf("every minute: it has run %d times within 2 minutes", n)
				}
				if tries == tried {
					c.Error("what fails is not tried again")
				}
				if n := len(c.logOf("far").Log); n != 0 {
					c.Errorf("the alarm that is far off has run %d times", n)
				}
			})
		})
	}
}

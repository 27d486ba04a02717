// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// Whoever an actor was handed over to attends to its alarms: if that node dies, others find them, though the one that
// set them lives on.
func TestAnAlarmOfAnActorThatHasMovedOutlivesItsNode(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		c.do(chore("a"), "set", order{Name: "tea", After: 30 * time.Second, Text: "tea"}, nil)
		from := c.owner("n1", chore("a")).Node
		to := c.other(from)
		c.mustMigrate(from, chore("a"), to)
		c.crash(to)
		c.sleep(30*time.Second + leaseTTL + 10*heartbeat)
		if row := c.owner(from, chore("a")); row.Token < 3 { // the alarm has had it claimed, before anybody has asked
			c.Fatalf("%+v", row)
		}
		if s := c.logOf("a"); !slices.Equal(s.Log, []string{"tea"}) {
			c.Fatalf("%+v", s)
		}
	})
}

// Alarms run once, and messages arrive once and in order, while their actors are moved all the time.
func TestWhatIsDueIsDoneOnceWhileActorsMove(t *testing.T) {
	simulateChores(t, 4, func(c *cluster) {
		c.startAll(3)
		const actors, rounds = 4, 10
		for i := range actors {
			for k := range rounds {
				c.do(chore(fmt.Sprint(i)), "set",
					order{Name: fmt.Sprint(k), After: time.Duration(k+1) * time.Second,
						Text: fmt.Sprintf("alarm %d", k)}, nil)
			}
		}
		over := false
		group := env.NewGroup(c.env, c.ctx)
		moves := 0
		group.Go("moves", func(context.Context) {
			for i := 0; !over; i++ {
				id := chore(fmt.Sprint(i % (actors + 1)))
				if reply, err := c.migrate("n1", id, fmt.Sprintf("n%d", 1+i*7%3), true); err == nil && reply.Moved {
					moves++
				}
				c.sleep(20 * time.Millisecond)
			}
		})
		for range rounds {
			c.do(chore("0"), "send", order{To: fmt.Sprint(actors), Text: "m", Count: 5}, nil)
			c.sleep(time.Second)
		}
		c.sleep(10 * time.Second)
		over = true
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		for i := range actors {
			var want []string
			for k := range rounds {
				want = append(want, fmt.Sprintf("alarm %d", k))
			}
			if s := c.logOf(fmt.Sprint(i)); !slices.Equal(s.Log, want) {
				c.Fatalf("actor %d: %q", i, s.Log)
			}
		}
		var want []string
		for k := range rounds * 5 {
			want = append(want, fmt.Sprintf("m%d", k))
		}
		if s := c.logOf(fmt.Sprint(actors)); !slices.Equal(s.Log, want) {
			c.Fatalf("it got %q", s.Log)
		}
		if moves < 100 {
			c.Fatalf("%d moves", moves)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
)

func scratchpad(id string) api.ActorID { return api.ActorID{Namespace: "scratchpad", ID: id} }

func TestAVolatileActorWritesNothingAndBeginsAnew(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		written := c.store.batches()
		note := func(text string, want ...string) {
			c.Helper()
			var got []string
			if err := c.call("n1", time.Minute, scratchpad("a"), "note", text, &got); err != nil ||
				!slices.Equal(got, want) {
				c.Fatalf("after %s: %q, %v; want %q", text, got, err, want)
			}
		}
		notes := func(want ...string) {
			c.Helper()
			var got []string
			if err := c.call("n2", time.Minute, scratchpad("a"), "notes", nil, &got); err != nil ||
				!slices.Equal(got, want) {
				c.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
		note("b", "b=b")
		note("a", "a=ba", "b=b")
		wantCode(c, c.call("n1", time.Minute, scratchpad("a"), "note", "fail", nil), api.CodeApplication)
		notes("a=ba", "b=b")
		c.sleep(node.DefaultIdleTimeout + 2*time.Minute)
		notes()
		note("c", "c=c")
		if err := c.call("n1", time.Minute, scratchpad("a"), api.MethodDestroy, nil, nil); err != nil {
			c.Fatal(err)
		}
		notes()
		if *written != 0 {
			c.Fatalf("%d batches of a volatile actor were written to the store", *written)
		}
	})
}

func TestAVolatileActorStaysOneInAFailover(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		if err := c.call("n1", time.Minute, scratchpad("a"), "note", "x", nil); err != nil {
			c.Fatal(err)
		}
		old := c.owner("n1", scratchpad("a")).Node
		via := c.other(old)
		c.nodes[old].machine.Pause(4 * leaseTTL)
		c.sleep(2*leaseTTL + 3*heartbeat)
		var got []string
		if err := c.call(via, time.Minute, scratchpad("a"), "note", "y", &got); err != nil ||
			!slices.Equal(got, []string{"y=y"}) {
			c.Fatalf("%q, %v", got, err)
		}
		c.sleep(4 * leaseTTL)
		if err := c.call(old, time.Minute, scratchpad("a"), "notes", nil, &got); err != nil ||
			!slices.Equal(got, []string{"y=y"}) {
			c.Fatalf("the former owner: %q, %v", got, err)
		}
	})
}

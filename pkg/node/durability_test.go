// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// pads are a kind that can be durable or not.
func pads(volatile bool) []actor.Kind {
	k := actor.New[int]("pad")
	actor.Write(k, "add", func(_ *actor.Context, n *int, by int) (int, error) {
		*n += by
		return *n, nil
	})
	if volatile {
		k.Volatile()
	}
	return []actor.Kind{k}
}

func TestAKindIsNotDeclaredOtherwiseOverWhatIsStored(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		id := api.ActorID{Namespace: "pad", ID: "a"}
		add := func(want int) {
			c.Helper()
			var got int
			if err := c.call("n1", time.Minute, id, "add", 1, &got); err != nil || got != want {
				c.Fatalf("%d, %v; want %d", got, err, want)
			}
		}
		stop := func() {
			c.Helper()
			if err := c.nodes["n1"].Stop(c.ctx); err != nil {
				c.Fatal(err)
			}
		}
		refused := func(node string, says ...string) {
			c.Helper()
			_, err := c.tryStart(node)
			wantCode(c, err, api.CodeFailedPrecondition)
			for _, s := range says {
				if !strings.Contains(err.Error(), s) {
					c.Fatalf("%v; want %q", err, s)
				}
			}
		}
		c.kinds = pads(false)
		c.start("n1")
		add(1)
		stop()

		c.kinds = pads(true)
		refused("n1", "declared Volatile", "durable actors, such as pad/a", "kelpie actors rm")
		c.kinds = pads(false)
		c.start("n1")
		add(2)
		if err := c.call("n1", time.Minute, id, api.MethodDestroy, nil, nil); err != nil {
			c.Fatal(err)
		}
		c.kinds = pads(true)
		refused("n2", "node n1 hosts it as durable")
		stop()

		c.start("n1")
		add(1)
		c.kinds = pads(false)
		refused("n2", "declared durable", "node n1 hosts it as volatile")
		stop()
		c.start("n1")
		add(1)
	})
}

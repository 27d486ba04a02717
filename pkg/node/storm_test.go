// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// A node dies that has very many actors, and all of them are called. The others take them without more than so many
// claims at once, without asking the store over and over while the lease of the dead one runs out, and without losing
// their own leases; and no call fails.
func TestADeadNodesActorsDoNotToppleTheNext(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.start("n1")
		const actors, callers = 20_000, 4_000
		c.fill("n1", actors)
		c.start("n2")
		c.start("n3")
		c.sleep(3 * heartbeat)
		epochs := [2]uint64{c.nodeRow("n2", "n2").Epoch, c.nodeRow("n2", "n3").Epoch}
		claiming, most := make(map[string]int), 0
		c.store.commit = func(machine string, commit func() error) error {
			claiming[machine]++
			most = max(most, claiming[machine])
			defer func() { claiming[machine]-- }()
			c.sleep(2 * time.Millisecond)
			return commit()
		}
		c.store.ownerReads = 0
		c.crash("n1")
		group := env.NewGroup(c.env, c.ctx)
		for g := range callers {
			group.Go("caller", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for i := g; i < actors; i += callers {
					if err := c.callBy(pool, fmt.Sprintf("n%d", 2+g%2), 30*time.Second, counter(fmt.Sprint(i)), "get",
						"", struct{}{}, nil); err != nil {
						c.Errorf("actor %d: %v", i, err)
					}
				}
			})
		}
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		t.Logf("%d commits at once, %d owners asked for", most, c.store.ownerReads)
		if most > 256+2 { // and a heartbeat
			c.Fatalf("%d commits of a node at once", most)
		}
		// Every actor is looked up once, and while the lease runs out, every caller does so once a second.
		if reads := c.store.ownerReads; reads > 2*actors+callers*int(leaseTTL/time.Second+2) {
			c.Fatalf("the store was asked for owners %d times", reads)
		}
		for i, id := range []string{"n2", "n3"} {
			if row := c.nodeRow("n2", id); row.Epoch != epochs[i] {
				c.Fatalf("%s has lost its lease: %+v", id, row)
			}
		}
	})
}

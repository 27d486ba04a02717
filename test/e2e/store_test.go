// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestStoreIsKilled shows that the death of the store's process delays calls and fences nobody, even if it
// is away for longer than a lease lasts, and that it comes back with everything that was acknowledged.
func TestStoreIsKilled(t *testing.T) {
	if *storeFlag != "" {
		t.Skip("the store is not this test's to kill")
	}
	leased := lease{ttl: 2 * time.Second, heartbeat: 400 * time.Millisecond}
	c := newCluster(t, 3, leased)
	l := c.startClientLoad() // a client finds out what became of its calls: none fails
	l.report("before")
	before := c.leases()
	for _, away := range []time.Duration{0, 2 * leased.ttl} {
		c.store.kill()
		time.Sleep(away) // this is what is tested, not a wait for something
		c.store.start()
		l.awaitProgress()
		l.report("the store was away for " + away.String())
	}
	l.finish()
	for name, was := range before {
		// What a lease can end by is looked for two beats after the last restart.
		after := c.awaitBeats(name, 2)
		if after.State != "active" || after.Epoch != was.Epoch || after.Incarnation != was.Incarnation {
			t.Errorf("the lease of %s was %+v, and is %+v", name, was, after)
		}
	}
	for _, node := range c.nodes {
		if !node.running() {
			t.Errorf("%s has ended", node.name)
		}
	}
}

// TestSingleNodeIsKilled shows that a node that keeps its own store comes back with everything that was acknowledged.
func TestSingleNodeIsKilled(t *testing.T) {
	node := newDaemon(t, "n1", "node", "start", "--node-id", "n1", "--store", "pebble:"+t.TempDir())
	c := &cluster{T: t, pool: newPool(t), nodes: []*daemon{node}}
	node.start()
	l := c.startLoad(api.CodeUnknown)
	l.report("before")
	for range 3 {
		node.kill()
		node.start()
		l.awaitProgress()
		l.report("it was killed")
	}
	l.finish()
}

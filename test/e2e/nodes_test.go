// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestNodesAreKilled shows that a node's death costs its callers no more than the answers that died with it: its
// actors go on elsewhere, with everything that was acknowledged.
func TestNodesAreKilled(t *testing.T) {
	c := newCluster(t, 3, lease{ttl: 1500 * time.Millisecond, heartbeat: 300 * time.Millisecond})
	l := c.startLoad(api.CodeUnknown)
	l.report("before")
	for _, victim := range c.nodes {
		owned := c.wantActors(victim)
		victim.kill()
		l.awaitProgress()
		t.Logf("%s was killed, and its %d actors go on", victim.name, len(owned))
		l.report("meanwhile")
		victim.start()
		c.awaitNodes()
		l.awaitProgress()
	}
	l.finish()
}

// TestNodesAreStopped shows that a graceful stop costs no call.
func TestNodesAreStopped(t *testing.T) {
	c := newCluster(t, 3, lease{ttl: 5 * time.Second, heartbeat: time.Second})
	l := c.startLoad()
	l.report("before")
	for _, node := range c.nodes {
		c.wantActors(node)
		node.stop()
		l.awaitProgress()
		l.report(node.name + " was stopped")
		node.start()
		c.awaitNodes()
		l.awaitProgress()
	}
	l.finish()
}

// TestNodeRestartsUnderItsName shows that a process that takes the name of one that was killed need not wait until
// the lease of that has ended, nor do its actors: calls are answered in a third of that time.
func TestNodeRestartsUnderItsName(t *testing.T) {
	const timeout = 20 * time.Second
	c := newCluster(t, 2, lease{ttl: 3 * timeout, heartbeat: time.Second})
	l := c.startLoad()
	l.stop()
	node := c.nodes[0]
	owned, before := c.wantActors(node), c.leases()[node.name]
	node.kill()
	node.start()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	began := time.Now()
	for i, row := range owned {
		id, err := api.ParseActorID(row.Actor)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.call(ctx, c.nodes[i%2].address, id, "get", struct{}{}); err != nil {
			t.Fatalf("%s through %s: %v", id, c.nodes[i%2].name, err)
		}
	}
	t.Logf("%d actors answered %v after the restart", len(owned), time.Since(began).Round(time.Millisecond))
	if after := c.leases()[node.name]; after.State != "active" || after.Epoch <= before.Epoch ||
		after.Incarnation == before.Incarnation {
		t.Errorf("the lease was %+v, and is %+v", before, after)
	}
	l.finish()
}

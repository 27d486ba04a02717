// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// nextBinary builds the command as it would speak the version of the protocol that comes next: see
// pkg/rpc/version_next.go.
func nextBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kelpie-next")
	tags, err := storeTags()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-tags", "kelpie_next"+tags, "-o", path,
		command).CombinedOutput(); err != nil {
		t.Fatalf("building the next version: %v\n%s", err, out)
	}
	return path
}

// TestVersionsAreMixed shows that nodes of two versions make one cluster: each is restarted with the next one, one
// after the other, and then with the present one again, as an operator who thinks better of it does. Calls go through
// all of them, actors move both ways, and no call fails.
func TestVersionsAreMixed(t *testing.T) {
	next := nextBinary(t)
	c := newCluster(t, 3, lease{ttl: 5 * time.Second, heartbeat: time.Second})
	l := c.startLoad()
	for _, version := range []string{next, binary} {
		for i, node := range c.nodes {
			node.stop()
			node.binary = version
			node.start()
			c.awaitNodes()
			l.awaitProgress()
			c.moveBothWays(node, c.nodes[(i+1)%len(c.nodes)])
			c.moveBothWays(node, c.nodes[(i+2)%len(c.nodes)])
			l.awaitProgress()
		}
		want := rpc.ProtocolVersion
		if version == next {
			want++
		}
		if got := c.protocolVersion(c.nodes[0]); got != want {
			t.Errorf("%s speaks version %d, want %d", c.nodes[0].name, got, want)
		}
		l.report("all are upgraded, or downgraded again")
	}
	l.finish()
}

// moveBothWays moves an actor from one node to another, and back.
func (c *cluster) moveBothWays(a, b *daemon) {
	c.Helper()
	for _, pair := range [][2]*daemon{{a, b}, {b, a}} {
		owned := c.ownedBy(pair[0])
		if len(owned) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		req := &api.MigrateRequest{Actor: owned[0].Actor, To: pair[1].name, Force: true}
		_, err := rpc.CallTyped[api.MigrateRequest, api.MigrateReply](ctx, c.pool, pair[0].address, api.MethodMigrate,
			req)
		cancel()
		if err != nil {
			c.Errorf("%s from %s to %s: %v", owned[0].Actor, pair[0].name, pair[1].name, err)
		}
	}
}

// protocolVersion is the newest that a node speaks.
func (c *cluster) protocolVersion(node *daemon) int {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	info, err := rpc.CallTyped[api.Empty, api.ClusterInfo](ctx, c.pool, node.address, api.MethodClusterInfo,
		&api.Empty{})
	if err != nil {
		c.Fatal(err)
	}
	return info.ProtocolVersion
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// lease is the time after which a silent node's actors move, and how often a node shows that it lives.
type lease struct {
	ttl, heartbeat time.Duration
}

func (l lease) flags() []string {
	return []string{"--lease-ttl", l.ttl.String(), "--heartbeat", l.heartbeat.String()}
}

// cluster is a store and nodes, each a process.
type cluster struct {
	*testing.T
	store *daemon // nil if a node keeps it, or FoundationDB
	nodes []*daemon
	pool  *rpc.Pool
}

// newCluster starts a store, unless there is one already, and nodes n1, n2 and so on.
func newCluster(t *testing.T, nodes int, l lease) *cluster {
	t.Helper()
	c := &cluster{T: t, pool: newPool(t)}
	url := c.startStore()
	for i := range nodes {
		name := "n" + strconv.Itoa(i+1)
		args := []string{"node", "start", "--node-id", name, "--store", url}
		if i == 0 {
			args = append(args, l.flags()...) // the others find it in the store
		}
		node := newDaemon(t, name, args...)
		node.start()
		c.nodes = append(c.nodes, node)
	}
	c.awaitNodes()
	return c
}

// startStore returns the URL of the cluster's store.
func (c *cluster) startStore() string {
	if *storeFlag != "" {
		return storeURL(c.T)
	}
	c.store = newDaemon(c.T, "store", "store", "serve")
	c.store.start()
	return "kelpie://" + c.store.address
}

func newPool(t *testing.T) *rpc.Pool {
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	t.Cleanup(pool.Close)
	return pool
}

func (c *cluster) addresses() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.address)
	}
	return all
}

// awaitNodes waits until all nodes are active.
func (c *cluster) awaitNodes() {
	c.Helper()
	c.kelpie("cluster", "wait", "--nodes", strconv.Itoa(len(c.nodes)))
}

// kelpie runs a command that asks the cluster, and returns its stdout.
func (c *cluster) kelpie(args ...string) []byte {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary,
		append(args, "--addr", strings.Join(c.addresses(), ","), "--timeout", patience.String())...)
	cmd.Env = append([]string{}, storeEnv()...) // no settings of the reader's own
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		c.Fatalf("kelpie %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// list decodes the rows of a command that lists.
func list[R any](c *cluster, args ...string) []R {
	c.Helper()
	var rows []R
	out := c.kelpie(append(args, "-o", "json")...)
	if err := json.Unmarshal(out, &rows); err != nil {
		c.Fatalf("kelpie %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return rows
}

// leases returns the leases by the names of their nodes.
func (c *cluster) leases() map[string]api.LeaseRow {
	c.Helper()
	leases := make(map[string]api.LeaseRow)
	for _, row := range list[api.LeaseRow](c, "leases", "ls") {
		leases[row.Node] = row
	}
	return leases
}

// ownedBy returns the actors that a node owns.
func (c *cluster) ownedBy(node *daemon) []api.ActorRow {
	c.Helper()
	return list[api.ActorRow](c, "actors", "ls", "--node", node.name)
}

// wantActors wants a node to own some, else a test of its death shows nothing. Placement is by chance, but see
// countersCount.
func (c *cluster) wantActors(node *daemon) []api.ActorRow {
	c.Helper()
	owned := c.ownedBy(node)
	if len(owned) == 0 {
		c.Fatalf("%s owns no actor", node.name)
	}
	return owned
}

// awaitLease waits until a node's lease is as it should be, and returns it.
func (c *cluster) awaitLease(node *daemon, what string, is func(api.LeaseRow) bool) (row api.LeaseRow) {
	c.Helper()
	poll(c.T, "the lease of "+node.name+" is "+what, func() error {
		row = c.leases()[node.name]
		if !is(row) {
			return fmt.Errorf("it is %+v", row)
		}
		return nil
	})
	return row
}

// awaitBeats waits until a node has sent a number of further heartbeats, and returns its lease.
func (c *cluster) awaitBeats(node string, beats uint64) (row api.LeaseRow) {
	c.Helper()
	from := c.leases()[node].Beat
	poll(c.T, node+" beats", func() error {
		row = c.leases()[node]
		if row.Beat < from+beats {
			return fmt.Errorf("%d beats, after %d", row.Beat, from)
		}
		return nil
	})
	return row
}

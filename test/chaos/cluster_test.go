// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"strconv"
	"testing"
	"time"
)

const (
	nodesCount = 3
	// leaseTTL is so short that about three quarters of all pauses are longer.
	leaseTTL  = 2 * time.Second
	heartbeat = 400 * time.Millisecond
)

// cluster is a store and nodes, each a process.
type cluster struct {
	store *process // nil if it is FoundationDB
	nodes []*process
}

// newCluster starts a store, unless there is one already, and nodes n1, n2 and so on.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	url := c.startStore(t)
	for i := range nodesCount {
		name := "n" + strconv.Itoa(i+1)
		args := []string{"node", "start", "--node-id", name, "--store", url}
		if i == 0 { // the others find it in the store
			args = append(args, "--lease-ttl", leaseTTL.String(), "--heartbeat", heartbeat.String())
		}
		node := newProcess(t, name, args...)
		mustStart(t, node)
		c.nodes = append(c.nodes, node)
	}
	return c
}

// startStore returns the URL of the cluster's store.
func (c *cluster) startStore(t *testing.T) string {
	t.Helper()
	if *storeFlag != "" {
		return storeURL(t)
	}
	c.store = newProcess(t, "store", "store", "serve")
	mustStart(t, c.store)
	return "kelpie://" + c.store.address
}

func mustStart(t *testing.T, p *process) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatalf("%s does not start: %v", p.name, err)
	}
}

func (c *cluster) addresses() []string {
	var all []string
	for _, node := range c.nodes {
		all = append(all, node.address)
	}
	return all
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// patience bounds every wait for a cluster. It is far from what anything takes.
	patience = 2 * time.Minute
	// pollInterval is how often a cluster is asked whether it is ready.
	pollInterval = 300 * time.Millisecond
	// cliSeconds is how long fdbcli waits for the cluster.
	cliSeconds = "10"
	// clusterID is what a cluster file says of the cluster besides its addresses.
	clusterID = "kelpie_test:kelpie"
)

// shape is a kind of cluster.
type shape struct {
	name      string
	servers   int
	configure string
}

var shapes = []shape{
	{"1 server, memory", 1, "configure new single memory"},
	{"3 servers, ssd", 3, "configure new double ssd"},
}

// cluster is a running FoundationDB.
type cluster struct {
	tools
	file    string // the cluster file
	servers []*server
}

// start starts a cluster in dir and waits until it takes transactions. If that fails, it explains on stdout.
func start(ctx context.Context, t tools, s shape, dir string, stdout io.Writer) (*cluster, error) {
	addresses, err := freeAddresses(s.servers)
	if err != nil {
		return nil, err
	}
	c := &cluster{tools: t, file: filepath.Join(dir, "fdb.cluster")}
	if err := os.WriteFile(c.file, []byte(clusterID+"@"+strings.Join(addresses, ",")+"\n"), 0o600); err != nil {
		return nil, err
	}
	for i, address := range addresses {
		server := &server{name: fmt.Sprintf("server%d", i+1), program: t.server, address: address, dir: dir,
			file: c.file}
		if err := server.start(); err != nil {
			c.stop()
			return nil, err
		}
		c.servers = append(c.servers, server)
	}
	err = c.await(ctx, s.configure, "created", "already exists")
	if err == nil {
		err = c.await(ctx, "status minimal", "is available")
	}
	if err != nil {
		if ctx.Err() == nil {
			c.explain(stdout)
		}
		c.stop()
		return nil, err
	}
	return c, nil
}

// stop ends the servers.
func (c *cluster) stop() {
	for _, s := range c.servers {
		s.kill()
	}
}

// await gives fdbcli a command, again and again, until it says one of several things.
func (c *cluster) await(ctx context.Context, command string, signs ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		out, err := c.ask(ctx, command)
		for _, sign := range signs {
			if strings.Contains(out, sign) {
				return nil
			}
		}
		if err := c.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fdbcli --exec %q: %w: %v: %s", command, context.Cause(ctx), err, strings.TrimSpace(out))
		case <-time.After(pollInterval):
		}
	}
}

// clear removes everything that the cluster holds.
func (c *cluster) clear(ctx context.Context) error {
	return c.await(ctx, `writemode on; clearrange "" \xff`, "Committed")
}

// ask runs a command of fdbcli and returns what it says.
func (c *cluster) ask(ctx context.Context, command string) (string, error) {
	out, err := exec.CommandContext(ctx, c.cli, "-C", c.file, "--timeout", cliSeconds, "--exec",
		command).CombinedOutput()
	return string(out), err
}

// ended returns which servers have ended by themselves.
func (c *cluster) ended() error {
	var all []error
	for _, s := range c.servers {
		all = append(all, s.failure())
	}
	return errors.Join(all...)
}

// freeAddresses returns loopback addresses that nobody listens at. Their ports are none that the system hands out for
// outgoing connections: they are still free when a server that was killed starts again.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		defer l.Close() // not before all are found: they must differ
		if addresses = append(addresses, address); len(addresses) == n {
			return addresses, nil
		}
	}
	return nil, errors.New("no free ports found")
}

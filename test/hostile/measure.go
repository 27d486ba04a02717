// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
)

// The bars.
const (
	growthMax = 256 << 20
	slowerMax = 20
)

// nodeName is the name of the node that is harmed.
const nodeName = "victim"

// sampleInterval is how often the memory of the node is read.
const sampleInterval = 100 * time.Millisecond

// figures are what was measured of a node.
type figures struct {
	name                    string
	quiet, harmed           latencies
	memoryQuiet, memoryPeak int64
	missed                  int64
	lost                    string // how the lease was lost; empty if it was not
	newcomers, unserved     int
	unservedWhy             error
}

const header = "mode       p99 quiet   p99 harmed   times   calls  failed   memory growth   beats missed   lease  " +
	"newcomers unserved"

func (f *figures) slower() float64 { return float64(f.harmed.p99()) / float64(f.quiet.p99()) }

func (f *figures) growth() int64 { return f.memoryPeak - f.memoryQuiet }

func (f *figures) String() string {
	lease := "held"
	if f.lost != "" {
		lease = "LOST"
	}
	s := fmt.Sprintf("%-8s %9.2f ms %9.2f ms %7.1f %7d %7d %11.1f MiB %14d %7s %11d of %d", f.name,
		millis(f.quiet.p99()), millis(f.harmed.p99()), f.slower(), len(f.harmed.all), f.harmed.failed,
		float64(f.growth())/(1<<20), f.missed, lease, f.unserved, f.newcomers)
	if f.unservedWhy != nil {
		s += ": " + f.unservedWhy.Error()
	}
	return s
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// broken says which bars are not held.
func (f *figures) broken() (all []string) {
	if f.growth() >= growthMax {
		all = append(all, fmt.Sprintf("memory grew by %d MiB, allowed are less than %d", f.growth()>>20, growthMax>>20))
	}
	if f.lost != "" {
		all = append(all, "the lease was lost: "+f.lost)
	}
	if f.slower() >= slowerMax {
		all = append(all, fmt.Sprintf("p99 is %.1f times that in quiet, allowed are less than %d", f.slower(),
			slowerMax))
	}
	return all
}

// measure measures a node in quiet, and then while it is harmed.
func (r *round) measure(ctx context.Context, o *options) (*figures, error) {
	dir, err := os.MkdirTemp("", "kelpie-hostile")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	n, err := startNode(ctx, o.binary, dir, r.files)
	if err != nil {
		return nil, err
	}
	defer n.kill()
	c, err := client.Dial(ctx, client.Options{Addrs: []string{n.addr}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := warmUp(ctx, c); err != nil {
		return nil, err
	}
	f := &figures{name: r.name}
	if f.memoryQuiet, err = n.peakDuring(ctx, o.time/2, func(ctx context.Context) {
		f.quiet = callAll(ctx, c)
	}); err != nil {
		return nil, err
	}
	before, err := leaseOf(ctx, c)
	if err != nil {
		return nil, err
	}
	stop, err := startPeer(ctx, n.addr, r.modes)
	if err != nil {
		return nil, err
	}
	defer stop()
	began := time.Now()
	arrived := make(chan struct{})
	f.memoryPeak, err = n.peakDuring(ctx, o.time, func(ctx context.Context) {
		go func() {
			defer close(arrived)
			f.newcomers, f.unserved, f.unservedWhy = arrive(ctx, n.addr)
		}()
		f.harmed = callAll(ctx, c)
	})
	<-arrived
	if err != nil {
		return nil, err
	}
	after, err := leaseOf(ctx, c) // while it is still harmed
	if err != nil {
		f.lost = "the node does not answer: " + err.Error()
		return f, nil
	}
	f.compare(before, after, time.Since(began))
	return f, nil
}

// compare holds the lease at the end against that at the beginning.
func (f *figures) compare(before, after *lease, took time.Duration) {
	if before.row.Incarnation != after.row.Incarnation || before.row.Epoch != after.row.Epoch {
		f.lost = fmt.Sprintf("epoch %d became %d", before.row.Epoch, after.row.Epoch)
		return
	}
	due := int64(took / before.heartbeat)
	f.missed = max(0, due-1-int64(after.row.Beat-before.row.Beat))
}

// lease is how the lease of the node stands.
type lease struct {
	row       api.LeaseRow
	heartbeat time.Duration
}

func leaseOf(ctx context.Context, c *client.Client) (*lease, error) {
	info, err := client.Admin[api.Empty, api.ClusterInfo](ctx, c, api.MethodClusterInfo, &api.Empty{})
	if err != nil {
		return nil, err
	}
	reply, err := client.Admin[api.Empty, api.LeasesReply](ctx, c, api.MethodLeases, &api.Empty{})
	if err != nil {
		return nil, err
	}
	for _, row := range reply.Leases {
		if row.Node == nodeName {
			return &lease{row, time.Duration(info.HeartbeatMillis) * time.Millisecond}, nil
		}
	}
	return nil, fmt.Errorf("node %s has no lease", nodeName)
}

// startPeer starts the hostile peer, whose priority is lower than that of the node. stop kills it.
func startPeer(ctx context.Context, addr string, modes []string) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "10", self, "-addr", addr, "-peer", strings.Join(modes, ","))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill() // fails if it has ended
		_ = cmd.Wait()         // says that it was killed
	}, nil
}

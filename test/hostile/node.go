// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// startPatience is how long the node may take to serve.
const startPatience = time.Minute

// node is the process that is harmed.
type node struct {
	addr, log string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// startNode starts a node that may have some number of descriptors, or as many as this process, and waits until it
// serves.
func startNode(ctx context.Context, binary, dir string, files int) (*node, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	n := &node{addr: addr, log: filepath.Join(dir, "node.log"), ended: make(chan struct{})}
	script := `exec "$0" "$@"`
	if files > 0 {
		script = fmt.Sprintf("ulimit -n %d && %s", files, script)
	}
	n.cmd = exec.CommandContext(ctx, "sh", "-c", script, binary, "node", "start", "--node-id", nodeName,
		"--listen", addr, "--data-dir", filepath.Join(dir, "data"))
	log, err := os.Create(n.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the node has its own
	n.cmd.Stderr, n.cmd.Env = log, append(os.Environ(), "HOME="+dir)
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(n.ended)
		_ = n.cmd.Wait() // how it ended is in its log
	}()
	if err := n.awaitServing(ctx); err != nil {
		n.kill()
		return nil, err
	}
	return n, nil
}

// awaitServing waits until the node has logged that it serves.
func (n *node) awaitServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		written, err := os.ReadFile(n.log)
		if err != nil || bytes.Contains(written, []byte("serving")) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the node does not serve: %w: %s", ctx.Err(), written)
		case <-n.ended:
			return fmt.Errorf("the node has ended: %s", written)
		case <-time.After(sampleInterval):
		}
	}
}

// kill kills the node and waits for its end.
func (n *node) kill() {
	_ = n.cmd.Process.Kill() // fails if it has ended
	<-n.ended
}

// peakDuring runs f, whose context ends after a time, and returns the most memory that the node had meanwhile.
func (n *node) peakDuring(ctx context.Context, d time.Duration, f func(ctx context.Context)) (peak int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	for {
		var memory int64
		if memory, err = n.memory(); err != nil {
			cancel()
			<-done
			return 0, err
		}
		peak = max(peak, memory)
		select {
		case <-done:
			return peak, nil
		case <-ticker.C:
		}
	}
}

// memory is the resident set of the node, in bytes.
func (n *node) memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of the node: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	written, err := os.ReadFile(n.log)
	return 0, fmt.Errorf("the node has ended: %s, %v", written[max(0, len(written)-2000):], err)
}

// freeAddress returns a free loopback address. Its port is not one that the system hands out for outgoing
// connections.
func freeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no free port found")
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// step is something to run on a cluster.
type step struct {
	name string
	// command is the program and its arguments.
	command []string
	// harm: meanwhile one server after the other is killed, and started again.
	harm bool
}

const (
	// calmTime is how long a cluster is whole between two harms.
	calmTime = 5 * time.Second
	// downTime is how long a server is away.
	downTime = time.Second
	// interruptPatience is how long a step that is interrupted has before it is killed.
	interruptPatience = 15 * time.Second
)

// steps are run one after the other, each on an empty cluster.
func steps(o options, s shape, file, dir string) []step {
	test := func(args ...string) []string {
		return append([]string{"go", "test", "-count=1", "-v", "-timeout=30m"}, args...)
	}
	bench := filepath.Join(dir, "bench")
	return []step{
		{name: "conformance", command: test("-tags=fdb", "./pkg/kv/fdb")},
		{name: "conformance under the race detector", command: test("-tags=fdb", "-race", "./pkg/kv/fdb")},
		{name: "nodes on goroutines", command: test("-tags=fdb", "-race", "-run=TestOnGoroutines", "./pkg/node")},
		{name: "clusters of processes", command: test("./test/e2e", "-args", "-e2e.store=fdb:"+file)},
		{name: "chaos", harm: s.servers > 2,
			command: test("-run=TestChaos", "./test/chaos", "-args", "-chaos.store=fdb:"+file, "-chaos.time="+
				o.chaos.String())},
		{name: "measure the store",
			command: test("-tags=fdb", "-run=TestMeasure", "./pkg/kv/fdb", "-args", "-fdb.measure="+
				o.measure.String())},
		{name: "measure a node", command: []string{"go", "run", "-tags=fdb", "./internal/testfdb/bench", "-dir", bench,
			"-store", "fdb:" + file, "-duration", (4 * o.measure).String()}},
	}
}

// run runs a step.
func (c *cluster) run(ctx context.Context, s step, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Env = append(os.Environ(), "FDB_CLUSTER_FILE="+c.file)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// What a step starts is in a group with it: an interrupt reaches all of it, and nobody else.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = interruptPatience
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var harmed error
	if s.harm {
		harmed = c.harm(ctx, ended, stdout, calmTime, downTime)
	}
	err := <-ended
	if ctx.Err() != nil {
		// Whatever of the group has not ended by the interrupt. There may be nothing.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err == nil {
		err = harmed
	}
	if err == nil {
		err = c.ended()
	}
	return err
}

// harm kills servers in turn, and starts them again, until a step has ended, whose end it leaves in the channel. All
// servers run when it returns nil.
func (c *cluster) harm(ctx context.Context, ended chan error, stdout io.Writer, calmTime,
	downTime time.Duration) error {
	for i := 0; ; i++ {
		if !calm(ended, calmTime) {
			return nil
		}
		s := c.servers[i%len(c.servers)]
		fmt.Fprintf(stdout, "-- kill %s for %v\n", s.name, downTime)
		s.kill()
		goesOn := calm(ended, downTime)
		if err := s.start(); err != nil {
			return err
		}
		if err := c.await(ctx, "status minimal", "is available"); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "-- %s is back\n", s.name)
		if !goesOn {
			return nil
		}
	}
}

// calm lets time pass, and reports whether the step has not ended, whose end stays in the channel.
func calm(ended chan error, d time.Duration) bool {
	select {
	case err := <-ended:
		ended <- err
		return false
	case <-time.After(d):
		return true
	}
}

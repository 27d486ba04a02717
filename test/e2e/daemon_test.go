// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds every wait for something that must happen. It is far from what anything takes.
	patience = 30 * time.Second
	// pollInterval is how often it is looked whether something has happened.
	pollInterval = 20 * time.Millisecond
	// logLinesMax is how much of a process's log a failed test shows.
	logLinesMax = 60
)

// daemon is a command that serves at an address, and is started again and again: with the same arguments, at
// the same address, on the same data.
type daemon struct {
	t       *testing.T
	name    string
	address string
	args    []string
	env     []string
	binary  string // of the next run

	// cmd, log and ended are those of the present run, or of the last.
	cmd   *exec.Cmd
	log   *logBuffer
	ended chan error
	runs  int
}

// newDaemon returns a daemon that is not started yet. What runs when the test ends is killed.
func newDaemon(t *testing.T, name string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, name: name, address: freeAddress(t), binary: binary,
		env: append(storeEnv(), "HOME="+t.TempDir())}
	d.args = append(args, "--listen", d.address, "--data-dir", t.TempDir())
	t.Cleanup(d.cleanUp)
	return d
}

func (d *daemon) cleanUp() {
	if d.cmd != nil {
		d.kill()
	}
}

// start starts a run and waits until it serves.
func (d *daemon) start() {
	d.t.Helper()
	log, ended := new(logBuffer), make(chan error, 1)
	cmd := exec.Command(d.binary, d.args...)
	cmd.Env, cmd.Stderr = d.env, log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	d.cmd, d.log, d.ended = cmd, log, ended
	d.runs++
	title := fmt.Sprintf("log of run %d of %s (process %d)", d.runs, d.name, cmd.Process.Pid)
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Logf("%s:\n%s", title, log.tail(logLinesMax))
		}
	})
	poll(d.t, d.name+" serves", func() error {
		select {
		case err := <-ended:
			d.cmd = nil
			d.t.Fatalf("%s ended with %v before it served", d.name, err)
		default:
		}
		if !strings.Contains(log.String(), "serving") {
			return fmt.Errorf("it has not said so")
		}
		return nil
	})
}

func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Errorf("%v to %s: %v", s, d.name, err)
	}
}

// kill kills the process, stopped or not, and waits for its end.
func (d *daemon) kill() {
	d.t.Helper()
	d.signal(syscall.SIGKILL)
	<-d.ended
	d.cmd = nil
}

// stop ends the process as a service manager would, and wants it to end well.
func (d *daemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	select {
	case err := <-d.ended:
		d.cmd = nil
		if err != nil {
			d.t.Errorf("%s was asked to stop, and ended with %v", d.name, err)
		}
	case <-time.After(patience):
		d.t.Fatalf("%s was asked to stop, and has not after %v", d.name, patience)
	}
}

// running reports whether the process has not ended by itself.
func (d *daemon) running() bool { return len(d.ended) == 0 }

// poll waits until what is so: check returns nil.
func poll(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s: %v", patience, what, err)
		}
		time.Sleep(pollInterval)
	}
}

// freeAddress returns a loopback address that no process listens at. Its port is not one that the system hands out for
// outgoing connections: it is still free when a daemon that was killed starts again.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port found")
	return ""
}

// logBuffer is what a process has written.
type logBuffer struct {
	mu      sync.Mutex
	written bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written.String()
}

func (b *logBuffer) tail(lines int) string {
	all := strings.SplitAfter(b.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

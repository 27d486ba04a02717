// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// devLogLines is how much of its log is shown of a process that did not start.
const devLogLines = 10

// devChild is a process of the playground, which may be run several times.
type devChild struct {
	name, address string
	args          []string
	log           string // path

	// These are of the present run, or of the last; pid is 0 between runs.
	process *os.Process
	pid     int
	began   time.Time
	// quickEnds counts the latest runs that ended soon after their beginning.
	quickEnds int
}

// devEnd is the end of a run.
type devEnd struct {
	child *devChild
	pid   int
	state *os.ProcessState
}

// devChildren starts processes that end with this one.
type devChildren struct {
	binary string
	env    []string
	// lifeline is what the processes read from and nobody writes to: its end is this process's. held is its other side.
	lifeline, held *os.File
	ends           chan devEnd
}

// newDevChildren prepares for the start of processes. removes is the directory that goes with them, or "".
func newDevChildren(removes string) (*devChildren, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("can't find this program, to start it as a node: %w", err)
	}
	lifeline, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &devChildren{binary: binary, lifeline: lifeline, held: held, ends: make(chan devEnd, devNodesMax+1)}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "KELPIE_") { // settings for clusters of the user's own
			c.env = append(c.env, variable)
		}
	}
	c.env = append(c.env, devLifelineVariable+"="+devRemoves(removes))
	return c, nil
}

func (c *devChildren) close() error { return errors.Join(c.lifeline.Close(), c.held.Close()) }

// start starts a run of a process. Its end comes by c.ends.
func (c *devChildren) start(child *devChild) error {
	log, err := os.OpenFile(child.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("can't start %s: %w", child.name, err)
	}
	defer log.Close()
	cmd := exec.Command(c.binary, child.args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.env, c.lifeline, log, log
	cmd.SysProcAttr = ownGroup() // else Ctrl-C would stop all at once, in no order
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("can't start %s: %w", child.name, err)
	}
	child.process, child.pid, child.began = cmd.Process, cmd.Process.Pid, time.Now()
	go func() {
		_ = cmd.Wait() // an end that is not clean is told by the state
		c.ends <- devEnd{child, cmd.Process.Pid, cmd.ProcessState}
	}()
	return nil
}

// kill kills a process that has not ended.
func (child *devChild) kill() error {
	if err := child.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("can't kill %s (process %d): %w", child.name, child.pid, err)
	}
	return nil
}

// tail returns the last lines of the log.
func (child *devChild) tail() []string {
	content, err := os.ReadFile(child.log)
	if err != nil {
		return []string{"(" + err.Error() + ")"}
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	lines = lines[max(0, len(lines)-devLogLines):]
	for i, line := range lines {
		lines[i] = cli.OneLine(line)
	}
	return lines
}

// how says how a process ended.
func (e devEnd) how() string {
	if status, ok := e.state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was killed by signal %d (%v)", int(status.Signal()), status.Signal())
	}
	if e.state.Success() {
		return "has stopped, as requested"
	}
	return fmt.Sprintf("has ended with exit code %d", e.state.ExitCode())
}

// died reports whether the process ended for a reason of its own, which its log tells.
func (e devEnd) died() bool { return e.state.ExitCode() > 0 }

const (
	// devLifelineVariable tells a process of a playground that its stdin is its lifeline, and what goes with it: see
	// devRemoves.
	devLifelineVariable = "KELPIE_DEV_LIFELINE"
	devRemovesPrefix    = "remove:"
	devDirPattern       = "kelpie-dev-"
)

// devRemoves is the value of devLifelineVariable.
func devRemoves(dir string) string {
	if dir == "" {
		return "keep"
	}
	return devRemovesPrefix + dir
}

// endWithParent makes a process of a playground end with the one that started it, however that ends: when it is
// killed, too, it takes the other side of the lifeline along. Other processes it leaves alone.
func endWithParent() {
	value := os.Getenv(devLifelineVariable)
	if value == "" {
		return
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // blocks until nobody can write to it any more
		dir, removes := strings.CutPrefix(value, devRemovesPrefix)
		if removes && strings.HasPrefix(filepath.Base(dir), devDirPattern) {
			_ = os.RemoveAll(dir) // there is nobody left to be told
		}
		os.Exit(cli.ExitInterrupted)
	}()
}

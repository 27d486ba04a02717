// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds every wait for a process. It is far from what anything takes.
	patience = time.Minute
	// logLinesMax is how much of a process's log a failed test shows; go test -artifacts keeps all of it.
	logLinesMax = 100
	// exitUnavailable is the exit code of a process that needed another one, which did not answer.
	exitUnavailable = 3
)

// errUnavailable is the end of a process that did not find the store, or was left by it.
var errUnavailable = errors.New("the store did not answer it")

// process is a command that serves at an address, and is started again and again: with the same arguments, at the same
// address, on the same data. It is for one goroutine at a time.
type process struct {
	name    string
	address string
	args    []string
	env     []string
	log     *os.File // of all runs

	cmd   *exec.Cmd // nil if it is not to run
	ended chan error
}

// newProcess returns a process that is not started yet. If it runs when the test ends, it is killed.
func newProcess(t *testing.T, name string, args ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.ArtifactDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: name, address: freeAddress(t), env: append(storeEnv(), "HOME="+t.TempDir()), log: log}
	p.args = append(args, "--listen", p.address, "--data-dir", t.TempDir())
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, p.tail())
		}
		log.Close()
	})
	return p
}

// start starts a run and waits until it serves.
func (p *process) start() error {
	seen := &serving{log: p.log, seen: make(chan struct{})}
	cmd, ended := exec.Command(binary, p.args...), make(chan error, 1)
	cmd.Env, cmd.Stderr = p.env, seen
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { ended <- cmd.Wait() }()
	p.cmd, p.ended = cmd, ended
	select {
	case <-seen.seen:
		return nil
	case err := <-ended:
		p.cmd = nil
		return exitError(err)
	case <-time.After(patience):
		return fmt.Errorf("process %d does not serve after %v", cmd.Process.Pid, patience)
	}
}

// exitError is nil for a process that has ended as it should.
func exitError(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitUnavailable {
		return errUnavailable
	}
	return err
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// kill kills the process, paused or not, and waits for its end.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL) // fails if it has ended
	<-p.ended
	p.cmd = nil
}

// stop ends the process as a service manager would. If that takes too long, it is killed.
func (p *process) stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.ended:
		p.cmd = nil
		return exitError(err)
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("it has not stopped after %v", patience)
	}
}

// end returns whether the process has ended by itself, and how.
func (p *process) end() (bool, error) {
	select {
	case err := <-p.ended:
		p.cmd = nil
		return true, err
	default:
		return false, nil
	}
}

func (p *process) tail() string {
	written, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(written), "\n")
	return strings.Join(lines[max(0, len(lines)-logLinesMax):], "")
}

// serving writes a run's log and looks for the line that says that it serves.
type serving struct {
	log     *os.File
	seen    chan struct{}
	written []byte // until then
	done    bool
}

func (s *serving) Write(p []byte) (int, error) {
	if !s.done {
		s.written = append(s.written, p...)
		if bytes.Contains(s.written, []byte("serving")) {
			close(s.seen)
			s.done, s.written = true, nil
		}
	}
	return s.log.Write(p)
}

// freeAddress returns a loopback address that nobody listens at. Its port is not one that the system hands out for
// outgoing connections: it is still free when a process that was killed starts again.
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

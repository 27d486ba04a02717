// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// playground is a process of "kelpie dev", with what it started.
type playground struct {
	*testing.T
	cmd            *exec.Cmd
	stdout, stderr *logBuffer
	ended          chan error
	temp           string // where temporary directories are made
	// pids and addresses are by the names of the processes.
	pids      map[string]int
	addresses map[string]string
}

var playgroundRow = regexp.MustCompile(`(?m)^  (store|n[0-9]+) +([0-9.:]+) +process ([0-9]+)$`)

// newPlayground starts one, with any ports that are free, without waiting for it.
func newPlayground(t *testing.T, args ...string) *playground {
	t.Helper()
	p := &playground{T: t, stdout: new(logBuffer), stderr: new(logBuffer), ended: make(chan error, 1),
		temp: t.TempDir(), pids: make(map[string]int), addresses: make(map[string]string)}
	p.cmd = exec.Command(binary, append([]string{"dev", "--listen", "127.0.0.1:0"}, args...)...)
	// Settings of clusters of the reader's own must not matter.
	p.cmd.Env = []string{"HOME=" + t.TempDir(), "TMPDIR=" + p.temp, "KELPIE_STORE=memory:", "KELPIE_JOIN=127.0.0.1:1"}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		if t.Failed() {
			t.Logf("stdout:\n%sstderr:\n%s", p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// up waits until it has said what is up.
func (p *playground) up() *playground {
	p.Helper()
	p.says("Ctrl-C stops everything.")
	for _, row := range playgroundRow.FindAllStringSubmatch(p.stdout.String(), -1) {
		pid, err := strconv.Atoi(row[3])
		if err != nil {
			p.Fatal(err)
		}
		p.pids[row[1]], p.addresses[row[1]] = pid, row[2]
	}
	return p
}

// says waits until it has said something on stdout.
func (p *playground) says(what string) {
	p.Helper()
	poll(p.T, "the playground says "+what, func() error {
		if !strings.Contains(p.stdout.String(), what) {
			return fmt.Errorf("it has said %q and %q", p.stdout.String(), p.stderr.String())
		}
		return nil
	})
}

func (p *playground) signal(to string, s syscall.Signal) {
	p.Helper()
	if err := syscall.Kill(p.pids[to], s); err != nil {
		p.Errorf("%v to %s: %v", s, to, err)
	}
}

// interrupt sends a signal to the playground itself.
func (p *playground) interrupt(s syscall.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Error(err)
	}
}

// ends waits for its end, and wants the exit code.
func (p *playground) ends(code int) {
	p.Helper()
	select {
	case err := <-p.ended:
		exit, failed := errors.AsType[*exec.ExitError](err)
		if err != nil && !failed || p.cmd.ProcessState.ExitCode() != code {
			p.Errorf("it ended with %v %v, want exit code %d", err, exit, code)
		}
	case <-time.After(patience):
		p.Fatalf("it has not ended after %v", patience)
	}
}

// leavesNothing wants nobody to be left who listens, a paused process neither, and no directory.
func (p *playground) leavesNothing() {
	p.Helper()
	for name, address := range p.addresses {
		poll(p.T, name+" has ended", func() error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return nil
			}
			return errors.Join(errors.New("it listens"), conn.Close())
		})
	}
	poll(p.T, "there is not a directory", func() error {
		left, err := os.ReadDir(p.temp)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("there is %s", left[0].Name())
		}
		return err
	})
}

// call calls an actor through the nodes.
func (p *playground) call(want string, args ...string) {
	p.Helper()
	c := &cluster{T: p.T}
	for name, address := range p.addresses {
		if name != "store" {
			c.nodes = append(c.nodes, &daemon{address: address})
		}
	}
	if got := strings.TrimSpace(string(c.kelpie(append([]string{"actors", "call"}, args...)...))); got != want {
		p.Errorf("%v gives %s, want %s", args, got, want)
	}
}

// TestDev shows a playground that answers, tells of the death of a node, carries on, and leaves nothing behind.
func TestDev(t *testing.T) {
	t.Parallel()
	p := newPlayground(t, "--lease-ttl", "1s").up()
	if len(p.pids) != 4 {
		t.Fatalf("processes %v", p.pids)
	}
	for i := range 6 {
		p.call("5", fmt.Sprintf("counter/%d", i), "add", "5")
	}
	p.signal("n2", syscall.SIGKILL)
	p.says(fmt.Sprintf("n2 (process %d) was killed by signal 9 (killed)", p.pids["n2"]))
	for i := range 6 {
		p.call("10", fmt.Sprintf("counter/%d", i), "add", "5")
	}
	p.signal("n3", syscall.SIGTERM)
	p.says(fmt.Sprintf("n3 (process %d) has stopped, as requested", p.pids["n3"]))
	p.interrupt(syscall.SIGINT)
	p.ends(0)
	p.leavesNothing()
}

// TestDevRestart shows that processes that die are started again, and are there again for callers, while the load
// goes on.
func TestDevRestart(t *testing.T) {
	t.Parallel()
	p := newPlayground(t, "--nodes", "2", "--load", "--rate", "100", "--restart", "--lease-ttl", "1s").up()
	p.call("5", "counter/a", "add", "5")
	for _, name := range []string{"n1", "store", "n2"} {
		p.signal(name, syscall.SIGKILL)
		p.says(name + " answers again")
	}
	p.call("10", "counter/a", "add", "5")
	p.interrupt(syscall.SIGTERM)
	p.ends(0)
	p.leavesNothing()
	if !regexp.MustCompile(`load: [1-9][0-9]* calls answered, [0-9]+ refused by their actors`).MatchString(
		p.stdout.String()) {
		t.Error("it does not say what came of the load")
	}
}

// paused wants all threads of a process to have stopped: one whose last thread stops after its parent's end is told
// nothing of that by the system. The letter is behind the command's name, which is in parentheses (proc_pid_stat(5)).
func paused(pid int) error {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return err
	}
	if len(stats) == 0 { // no Linux
		state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
		if err == nil && !strings.HasPrefix(string(state), "T") {
			err = fmt.Errorf("it is in state %s", state)
		}
		return err
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, after, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(after, "T") {
			return fmt.Errorf("a thread is in state %.1s", after)
		}
	}
	return nil
}

// TestDevKilled shows that nothing outlives a playground that is killed, a node that was paused neither.
func TestDevKilled(t *testing.T) {
	t.Parallel()
	p := newPlayground(t, "--nodes", "2").up()
	p.signal("n2", syscall.SIGSTOP)
	poll(t, "n2 is paused", func() error { return paused(p.pids["n2"]) })
	p.interrupt(syscall.SIGKILL)
	p.ends(-1)
	p.leavesNothing()
}

// TestDevInterruptedTwice shows that a second signal does not wait for a clean stop, and leaves nothing behind either.
func TestDevInterruptedTwice(t *testing.T) {
	t.Parallel()
	p := newPlayground(t, "--nodes", "2").up()
	// While it is paused, so that it can't be done with the first before the second comes.
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCONT} {
		p.interrupt(s)
	}
	p.ends(130)
	p.leavesNothing()
}

// TestDevData shows that --data-dir keeps what actors have, and that what keeps a node from starting is shown.
func TestDevData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, want := range []string{"5", "10"} {
		p := newPlayground(t, "--nodes", "1", "--data-dir", dir).up()
		p.call(want, "counter/a", "add", "5")
		p.interrupt(syscall.SIGINT)
		p.ends(0)
		p.leavesNothing()
	}
	if err := os.WriteFile(filepath.Join(dir, "n2"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPlayground(t, "--nodes", "2", "--data-dir", dir)
	p.ends(3)
	if said := p.stderr.String(); !strings.Contains(said, "-- n2.log\n") ||
		!strings.Contains(said, "not a directory") || !strings.Contains(said, "error: n2 did not start: it has ended "+
		"with exit code 6\n") {
		t.Error("it does not show what n2 logged")
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Programs that stand in for FoundationDB's. A server tells that it runs, to the test and beside its cluster file; a
// cluster is there when as many have as the cluster file names.
const (
	fakeVersion = "if [ \"$1\" = --version ]; then echo 'FoundationDB 7.3 (v7.3.79)'; exit; fi\n"
	fakeServer  = "#!/bin/sh\n" + fakeVersion + "echo \"$@\" >>\"$0.args\"\necho $$ >>\"$0.pids\"\necho >>\"$2.up\"\n" +
		"exec sleep 1000\n"
	fakeCLI = "#!/bin/sh\n" + fakeVersion + `for last; do :; done
[ "$(cat "$2.up" 2>/dev/null | wc -l)" -ge "$(tr , '\n' <"$2" | wc -l)" ] || exit 1
case $last in
configure*) echo "Database created" ;;
status*) echo "The database is available." ;;
*clearrange*) echo "Committed (1)" ;;
esac
`
	// dyingServer is the third of three, which does not last.
	dyingServer = `#!/bin/sh
case "$*" in *server3*)
	while [ "$(cat "$0.pids" 2>/dev/null | wc -l)" -lt 2 ]; do :; done
	echo no disk
	exit 3
	;;
esac
`
)

// fake makes stand-ins, and returns what finds them.
func fake(t *testing.T, server string) (dir string, getenv func(string) string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{"fdbserver": server, "fdbcli": fakeCLI} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func(name string) string {
		return map[string]string{"FDBSERVER": dir + "/fdbserver", "FDBCLI": dir + "/fdbcli"}[name]
	}
}

// started returns the process ids of the servers that were started.
func started(t *testing.T, dir string) []int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "fdbserver.pids"))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for line := range strings.Lines(string(content)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func wantEnded(t *testing.T, dir string, n int) {
	t.Helper()
	pids := started(t, dir)
	if len(pids) != n {
		t.Errorf("%d servers were started, want %d", len(pids), n)
	}
	for _, pid := range pids {
		wantGone(t, pid)
	}
}

// wantGone wants a process to have ended. One whose parent has not looked at its end yet counts as ended.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, state, ok := strings.Cut(string(stat), ") "); err != nil || !ok || !strings.HasPrefix(state, "Z") {
		t.Errorf("process %d is still there: %s (%v)", pid, stat, err)
	}
}

// TestMissing shows that what is missing is named in one line, with what to install.
func TestMissing(t *testing.T) {
	dir, _ := fake(t, fakeServer)
	for missing, pack := range map[string]string{"FDBSERVER": "foundationdb-server", "FDBCLI": "foundationdb-clients"} {
		var stderr bytes.Buffer
		code := run(context.Background(), nil, io.Discard, &stderr, func(name string) string {
			if name == missing {
				return filepath.Join(dir, "none")
			}
			return filepath.Join(dir, strings.ToLower(name))
		})
		if code != 1 || strings.Count(stderr.String(), "\n") != 1 ||
			!strings.Contains(stderr.String(), "none is missing: install "+pack) {
			t.Errorf("without %s: exit code %d, %q", missing, code, stderr.String())
		}
	}
}

// TestClusters shows how clusters are started, and that all that was started has ended in the end.
func TestClusters(t *testing.T) {
	dir, getenv := fake(t, fakeServer)
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"-only", "no such step"}, &stdout, &stderr, getenv); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if !strings.Contains(stdout.String(), "all steps passed") {
		t.Errorf("it said %q", stdout.String())
	}
	wantEnded(t, dir, 1+3)
	args, err := os.ReadFile(filepath.Join(dir, "fdbserver.args"))
	if err != nil {
		t.Fatal(err)
	}
	addresses := make(map[string]bool)
	for line := range strings.Lines(string(args)) {
		_, rest, _ := strings.Cut(line, "--public-address ")
		address, _, _ := strings.Cut(rest, " ")
		addresses[address] = true
		if !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("a server listens at %q", address)
		}
	}
	if len(addresses) != 1+3 {
		t.Errorf("the servers have %d addresses: %v", len(addresses), addresses)
	}
}

// TestServerEnds shows that a server that ends by itself is reported with what it said, and that the others are ended.
func TestServerEnds(t *testing.T) {
	dir, getenv := fake(t, dyingServer+strings.TrimPrefix(fakeServer, "#!/bin/sh\n"))
	if err := os.WriteFile(filepath.Join(dir, "fdbcli"), []byte("#!/bin/sh\necho 'The database is unavailable'\n"),
		0o700); err != nil {
		t.Fatal(err)
	}
	tools, err := findTools(getenv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := start(context.Background(), tools, shapes[1], t.TempDir(), io.Discard)
	if err == nil {
		c.stop()
	}
	if err == nil || !strings.Contains(err.Error(), "server3") || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("got error %v", err)
	}
	wantEnded(t, dir, 2)
}

// TestSteps shows that a step that fails fails all, and that its servers are told by their cluster file.
func TestSteps(t *testing.T) {
	dir, getenv := fake(t, fakeServer)
	tools, err := findTools(getenv)
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	c, err := start(context.Background(), tools, shapes[0], place, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	file, err := os.ReadFile(c.file)
	if want := clusterID + "@" + c.servers[0].address + "\n"; string(file) != want || err != nil {
		t.Errorf("the cluster file holds %q, %v; want %q", file, err, want)
	}
	var stdout bytes.Buffer
	if err := c.run(context.Background(), step{command: []string{"go", "version"}}, &stdout, &stdout); err != nil {
		t.Errorf("a step that should pass: %v\n%s", err, stdout.String())
	}
	if err := c.run(context.Background(), step{command: []string{"go", "no-such-command"}}, io.Discard,
		io.Discard); err == nil {
		t.Error("a step that fails has passed")
	}
	s := c.servers[0]
	s.kill()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	if err := s.failure(); err != nil {
		t.Errorf("started again: %v", err)
	}
	if err := c.await(context.Background(), "status minimal", "is available"); err != nil {
		t.Error(err)
	}
	c.stop()
	for _, all := range steps(options{}, shapes[1], c.file, place) {
		if len(all.command) < 2 || all.name == "" || all.harm != (all.name == "chaos") {
			t.Errorf("step %+v", all)
		}
	}
	wantEnded(t, dir, 2)
}

// TestInterrupt shows that an interrupt reaches a step.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var child string
	said := writer(func(p []byte) {
		child += string(p)
		cancel()
	})
	c := new(cluster)
	if err := c.run(
		ctx, step{command: []string{"sh", "-c", "trap 'exit 130' INT; echo $$; while :; do sleep 0.05; done"}}, said,
		io.Discard); err == nil {
		t.Error("a step that was interrupted has passed")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(child))
	if err != nil {
		t.Fatal(err)
	}
	wantGone(t, pid)
}

// TestHarm shows that servers are killed in turn, and started again, until the step ends, and that all of them run
// then.
func TestHarm(t *testing.T) {
	dir, getenv := fake(t, fakeServer)
	tools, err := findTools(getenv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := start(context.Background(), tools, shapes[1], t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	ended := make(chan error, 1)
	var said strings.Builder
	err = c.harm(context.Background(), ended, writer(func(p []byte) {
		said.Write(p)
		if strings.Count(said.String(), "is back") == 4 && len(ended) == 0 {
			ended <- nil
		}
	}), time.Millisecond, time.Millisecond)
	if err != nil || c.ended() != nil || len(ended) != 1 {
		t.Errorf("harm ended with %v, servers with %v", err, c.ended())
	}
	var killed []string
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "kill") {
			killed = append(killed, strings.Fields(line)[2])
		}
	}
	if got := strings.Join(killed, " "); got != "server1 server2 server3 server1" {
		t.Errorf("killed were %s", got)
	}
	for _, s := range c.servers {
		if s.cmd == nil {
			t.Errorf("%s does not run", s.name)
		}
	}
	c.stop()
	for _, pid := range started(t, dir) {
		wantGone(t, pid)
	}
}

// writer calls a function with what is written.
type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-only", "("}, {"-chaos", "long"}, {"-none"}} {
		var stderr bytes.Buffer
		if code := run(context.Background(), args, io.Discard, &stderr, os.Getenv); code != 1 || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
}

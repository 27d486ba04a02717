// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// TestDevUsage shows what is refused before anything is started.
func TestDevUsage(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--nodes 0: must be from 1 to 16", []string{"--nodes", "0"}},
		{"--nodes 17: must be from 1 to 16", []string{"--nodes", "17"}},
		{"pass both, or neither", []string{"--rate", "5"}},
		{"such as 500/s", []string{"--load", "--rate", "0"}},
		{"--lease-ttl -1s", []string{"--lease-ttl", "-1s"}},
		{"write HOST:PORT", []string{"--listen", "7600"}},
		{"is not a port", []string{"--listen", "127.0.0.1:http"}},
		{"there are no 3 ports from 65534 on", []string{"--listen", "127.0.0.1:65534"}},
		{"for this machine alone", []string{"--listen", "0.0.0.0:7600"}},
		{"for this machine alone", []string{"--listen", ":7600"}},
		{"for this machine alone", []string{"--listen", "example.org:7600"}},
		{"unexpected argument", []string{"up"}},
	} {
		terminal{}.run(append([]string{"dev"}, c.args...)...).wants(t, cli.ExitUsage, c.says)
	}
}

// TestDevBusyPort shows that a port in use is named, and that nothing is made before.
func TestDevBusyPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	dir := filepath.Join(t.TempDir(), "data")
	terminal{}.run("dev", "--data-dir", dir, "--listen", busy.Addr().String()).wants(t, cli.ExitRefused,
		"can't start n1: can't listen at "+busy.Addr().String()+": address already in use",
		"choose other ports with --listen")
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
	// The port before may be in use by chance; then that is the one named, as it is looked at first.
	before := net.JoinHostPort("127.0.0.1", strconv.Itoa(port-1))
	if l, err := net.Listen("tcp", before); err == nil {
		l.Close()
		terminal{}.run("dev", "--data-dir", dir, "--listen", before).wants(t, cli.ExitRefused,
			"can't start n2: can't listen at "+busy.Addr().String())
	}
}

// TestDevPorts shows which ports are chosen: the store gets the one after the nodes, or any if that is in use.
func TestDevPorts(t *testing.T) {
	free, err := planDev("127.0.0.1:0", 3)
	if err != nil || len(free.nodes) != 3 {
		t.Fatalf("%+v, %v", free, err)
	}
	different := map[string]bool{free.store: true}
	for _, address := range free.nodes {
		different[address] = true
	}
	if len(different) != 4 {
		t.Errorf("%+v has an address twice", free)
	}

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	before := net.JoinHostPort("127.0.0.1", strconv.Itoa(port-1))
	if l, err := net.Listen("tcp", before); err == nil {
		l.Close()
		if a, err := planDev(before, 1); err != nil || a.nodes[0] != before || a.store == busy.Addr().String() {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// TestDevPause shows that a process that keeps ending is started less and less often.
func TestDevPause(t *testing.T) {
	var child devChild
	for _, c := range []struct{ ran, want time.Duration }{
		{time.Second, 500 * time.Millisecond}, {time.Second, time.Second}, {0, 2 * time.Second}, {0, 4 * time.Second},
		{0, 8 * time.Second},
		{0, 10 * time.Second}, {0, 10 * time.Second}, {time.Minute, 500 * time.Millisecond},
	} {
		if got := child.pause(c.ran); got != c.want {
			t.Errorf("after a run of %v, a pause of %v, want %v", c.ran, got, c.want)
		}
	}
}

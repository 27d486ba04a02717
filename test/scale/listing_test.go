// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

const (
	command = "github.com/kelpiehq/kelpie/cmd/kelpie"
	// listFactorMax is how much more memory a list of ten times as many actors may take, in the process that
	// prints it and in the node that reads it. What they need is a page; the rest is garbage that the runtime has not
	// collected yet.
	listFactorMax = 1.5
	// peakLookedAt is how often the memory of a command is looked at.
	peakLookedAt = 2 * time.Millisecond
	// claimsAtOnce is how many claims are written in a transaction.
	claimsAtOnce = 5000
)

// TestListsStayFlat shows that lists of actors take no memory for each: not the command that prints them, not the
// node that reads them.
func TestListsStayFlat(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of processes is read from /proc")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	store, storeAt := startStoreAt(t)
	binary := filepath.Join(t.TempDir(), "kelpie")
	if out, err := exec.Command("go", "build", "-o", binary, command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := startProcess(t, binary, storeAt)
	kelpie := func(args ...string) listed { return n.list(ctx, t, binary, args...) }
	kelpie("actors", "call", "counter/00000000", "add", "1")
	few, many := *actorsFlag/10, *actorsFlag
	writeClaims(ctx, t, store, 1, few)
	lists := [][]string{
		{"actors", "ls", "-o", "table"}, {"actors", "ls", "-o", "json"}, {
			"actors", "ls", "--namespace", "counter", "--prefix", "0", "-o", "name"},
		{"placements", "ls"}, {"store", "scan", "claim"},
	}
	kelpie(lists[0]...) // which warms the node up
	before := make([]listed, len(lists))
	for i, args := range lists {
		before[i] = kelpie(args...)
	}
	writeClaims(ctx, t, store, few, many)
	for i, args := range lists {
		now, was := kelpie(args...), before[i]
		name := strings.Join(args, " ")
		t.Logf("%s: %d lines in %v, the command %d MiB, the node %d MiB; of %d: %d MiB, %d MiB",
			name, now.lines, now.took.Round(time.Millisecond), now.command>>20, now.node>>20, was.lines,
			was.command>>20, was.node>>20)
		if args[0] != "placements" && (was.lines < few || now.lines < many) {
			t.Errorf("%s has %d lines of %d actors, and %d of %d", name, was.lines, few, now.lines, many)
		}
		if was.command == 0 || was.node == 0 {
			t.Errorf("%s: the memory that it takes is not known", name)
		}
		if float64(now.command) > listFactorMax*float64(was.command) ||
			float64(now.node) > listFactorMax*float64(was.node) {
			t.Errorf("%s takes more than %.1f times the memory for ten times the actors", name, listFactorMax)
		}
	}
}

// process is a node that is a process.
type process struct {
	pid     int
	address string
}

// startProcess starts a node on a store.
func startProcess(t *testing.T, binary, store string) *process {
	t.Helper()
	cmd := exec.Command(binary, "node", "start", "--store", "kelpie://"+store, "--node-id", "n1", "--listen",
		"127.0.0.1:0", "--lease-ttl", leaseTTL.String(), "--log-format", "json")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	logs, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		check(t, cmd.Process.Signal(os.Interrupt))
		check(t, cmd.Wait())
	})
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && strings.HasPrefix(line.Msg, "serving") && line.Address != "" {
			go io.Copy(io.Discard, logs)
			return &process{cmd.Process.Pid, line.Address}
		}
	}
	t.Fatal("the node does not serve")
	return nil
}

// listed is what a command has printed and taken.
type listed struct {
	lines int
	took  time.Duration
	// command and node are the most memory that the two processes had meanwhile, in bytes.
	command, node int64
}

// list runs a command, and counts its lines as they come.
func (p *process) list(ctx context.Context, t *testing.T, binary string, args ...string) listed {
	t.Helper()
	p.forgetPeak(t)
	cmd := exec.CommandContext(ctx, binary, append(args, "--addr", p.address)...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	began := time.Now()
	check(t, cmd.Start())
	l := listed{}
	peak, watched := make(chan int64, 1), make(chan struct{})
	go watchPeak(cmd.Process.Pid, watched, peak)
	for buffer := make([]byte, 64<<10); ; {
		n, err := out.Read(buffer)
		l.lines += bytes.Count(buffer[:n], []byte("\n"))
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		break
	}
	close(watched)
	l.command = <-peak
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	l.took = time.Since(began)
	l.node, err = peakOf(p.pid)
	check(t, err)
	return l
}

// watchPeak sends the most memory that a process had until it ended or done was closed. Of one that has ended, the
// system tells the peak of who started it, if that is greater: so it is looked at while it runs.
func watchPeak(pid int, done <-chan struct{}, peak chan<- int64) {
	most := int64(0)
	ticks := time.NewTicker(peakLookedAt)
	defer ticks.Stop()
	for {
		if now, err := peakOf(pid); err == nil {
			most = max(most, now)
		}
		select {
		case <-ticks.C:
		case <-done:
			peak <- most
			return
		}
	}
}

// forgetPeak resets peak.
func (p *process) forgetPeak(t *testing.T) {
	t.Helper()
	check(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0))
}

// peakOf is the most memory that a process had, in bytes.
func peakOf(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("the system does not tell the peak of its memory")
}

// writeClaims writes claims of actors, numbers from first on and below end, like the one of number 0.
func writeClaims(ctx context.Context, t *testing.T, store kv.Store, first, end int) {
	t.Helper()
	key := func(i int) []byte { return tuple.Pack("kelpie", "claim", "counter", fmt.Sprintf("%08d", i)) }
	for ; first < end; first += claimsAtOnce {
		_, err := kv.Transact(ctx, env.Real(), store, kv.TxOptions{},
			func(ctx context.Context, tx kv.Tx) (struct{}, error) {
				claim, err := tx.Get(ctx, key(0))
				if err == nil && claim == nil {
					err = errors.New("actor 0 has no claim")
				}
				for i := first; i < min(first+claimsAtOnce, end) && err == nil; i++ {
					tx.Set(key(i), claim)
				}
				return struct{}{}, err
			})
		check(t, err)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
)

// benchLocal runs "bench --local" on a store in memory.
func benchLocal(args ...string) result {
	return terminal{}.run(
		append([]string{"bench", "--local", "--store", "memory:", "--callers", "4", "--actors", "10"}, args...)...)
}

// benchRowOf decodes what bench -o json printed.
func benchRowOf(t *testing.T, r result) benchRow {
	t.Helper()
	var row benchRow
	d := json.NewDecoder(strings.NewReader(r.stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&row); err != nil {
		t.Fatalf("no object: %v\n%+v", err, r)
	}
	return row
}

// TestBenchLocal shows that every method of every namespace can be put to load, and that the numbers of a run agree.
func TestBenchLocal(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--mix", "get", "--stale"},
		{"--namespace", "kv", "--mix", "put=4,get=3,delete=2,list=1", "--payload", "4096"},
		{"--namespace", "echo", "--payload", "0"},
		{"--namespace", "echo", "--payload", "1000000", "--rate", "100000/s"},
		{"--warm-up", "1ms", "--duration", "1h"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r := benchLocal(append(args, "--calls", "60", "-o", "json")...)
			r.wants(t, cli.ExitOK)
			row := benchRowOf(t, r)
			calls := int64(0)
			for _, m := range row.Methods {
				calls += m.Calls
			}
			if calls != 60 || row.Total.Calls != 60 || row.Total.Failed != 0 || len(row.Errors) != 0 {
				t.Errorf("calls do not add up: %+v", row)
			}
			if l := row.Total; row.Seconds <= 0 || l.CallsPerSecond <= 0 || l.P50 > l.P90 || l.P90 > l.P99 ||
				l.P99 > l.P999 || l.P999 > l.Max || l.Max == 0 {
				t.Errorf("times do not agree: %+v", row)
			}
			if row.Target != "local memory:" || row.Actors != 10 || row.Callers != 4 {
				t.Errorf("not what was asked for: %+v", row)
			}
		})
	}
}

// TestBenchKeys shows that the keys of the JSON are those that the help describes.
func TestBenchKeys(t *testing.T) {
	var keys []string
	for _, f := range benchListing.fields {
		keys = append(keys, f.key)
	}
	if want := jsonKeys[benchRow](); !slices.Equal(keys, want) {
		t.Errorf("described: %v\nprinted: %v", keys, want)
	}
}

// TestBenchTable shows a table with a line for each method, and one for all.
func TestBenchTable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := terminal{}.run("bench", "--local", "--calls", "30", "--actors", "3")
	r.wants(t, cli.ExitOK, "METHOD", "CALLS/S", "P99.9", "add ", "get ", "all ")
	if lines := strings.Count(r.stdout, "\n"); lines != 4 || r.stderr != "" {
		t.Errorf("%d lines: %+v", lines, r)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	r = benchLocal("--calls", "5", "--mix", "get", "-o", "wide")
	r.wants(t, cli.ExitOK, "MEAN", "get ")
	if strings.Contains(r.stdout, "all ") {
		t.Errorf("one method is summed up:\n%s", r.stdout)
	}
}

// TestBenchWrongUse shows what is refused before anything starts.
func TestBenchWrongUse(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"x"}, `unexpected argument "x"`},
		{[]string{"--callers", "0"}, "--callers 0: must be from 1 to 10000"},
		{[]string{"--callers", "10001"}, "--callers 10001"},
		{[]string{"--actors", "0"}, "--actors 0: must be from 1 to 10000000"},
		{[]string{"--actors", "10000001"}, "--actors 10000001"},
		{[]string{"--payload", "-1", "--namespace", "echo"}, "--payload -1"},
		{[]string{"--payload", "1048577", "--namespace", "echo"}, "from 0 to 1048576 bytes"},
		{[]string{"--payload", "1048576", "--namespace", "echo"}, "a call carries at most 1048576"},
		{[]string{"--payload", "5"}, "no method of counter=add=80,get=20 sends a payload"},
		{[]string{"--mix", "add=0"}, "the weight of add, 0: must be from 1"},
		{[]string{"--mix", "add=x"}, "must be a whole number"},
		{[]string{"--mix", "add,add"}, "appears twice"},
		{[]string{"--mix", ",add"}, "has no name"},
		{[]string{"--mix", "put"}, `counter has no method "put": its methods are add, get`},
		{[]string{"--namespace", "cart"}, "must be one of counter, echo, kv"},
		{[]string{"--calls", "0"}, "--calls 0: must be at least 1"},
		{[]string{"--duration", "0"}, "--duration 0s"},
		{[]string{"--warm-up", "-1s"}, "--warm-up -1s"},
		{[]string{"--timeout", "0s"}, "--timeout 0s"},
		{[]string{"--timeout", "2h"}, "at most 1h"},
		{[]string{"--rate", "fast"}, "such as 500/s"},
		{[]string{"--rate", "2000000"}, "from 1 to 1000000"},
		{[]string{"--local", "--addr", nowhere}, "--local starts its own node"},
		{[]string{"--store", "memory:"}, "--store is for --local"},
		{[]string{"--local", "--store", "kelpie://127.0.0.1:1"}, "belongs to another process"},
		{[]string{"--local", "--store", "mongo:"}, "of an unknown kind"},
		{[]string{"-o", "csv"}, "must be table"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			terminal{}.run(append([]string{"bench"}, c.args...)...).wants(t, cli.ExitUsage, c.says)
		})
	}
	terminal{}.run("bench", "--local", "--store", "pebble:/nonexistent/dir").wants(t, cli.ExitRefused,
		"can't create a store in /nonexistent/dir")
	benchLocal("--namespace", "kv", "--payload", "200000").wants(t, cli.ExitUsage, "at most 100000 fit")
}

// TestBenchCluster shows a run over the network, and one in which calls fail: what was measured is printed, and the
// errors are told in one line.
func TestBenchCluster(t *testing.T) {
	node := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": node.address, "KELPIE_OUTPUT": "json"}}
	r := term.run("bench", "--calls", "50", "--actors", "2", "--mix", "get", "--stale")
	r.wants(t, cli.ExitOK)
	if row := benchRowOf(t, r); row.Target != node.address || row.Total.Calls != 50 || !row.Stale {
		t.Errorf("%+v", row)
	}

	term.answers(t, "9223372036854775807", "counter/bench-1", "add", "9223372036854775807")
	r = term.run("bench", "--calls", "200", "--actors", "2", "--mix", "add")
	row := benchRowOf(t, r)
	if r.code != cli.ExitFailure || row.Total.Calls == 0 || row.Total.Failed == 0 || row.Total.Calls+
		row.Total.Failed != 200 {
		t.Errorf("exit code %d, %+v", r.code, row)
	}
	if len(row.Errors) != 1 || row.Errors[0].Code != "application" || row.Errors[0].Count != row.Total.Failed {
		t.Errorf("errors %+v", row.Errors)
	}
	if strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "of 200 calls failed: ") ||
		!strings.Contains(r.stderr, "overflow") {
		t.Errorf("said %q", r.stderr)
	}

	term.run("actors", "rm", "counter/bench-0", "--yes").wants(t, cli.ExitOK)
	term.answers(t, "9223372036854775807", "counter/bench-0", "add", "9223372036854775807")
	term.run("bench", "--calls", "9", "--actors", "1", "--mix", "add").wants(t, cli.ExitApplication, "overflow")
}

// onWrite sends a signal when something is written.
type onWrite struct {
	strings.Builder
	signals chan os.Signal
}

func (w *onWrite) Write(b []byte) (int, error) {
	select {
	case w.signals <- os.Interrupt:
	default:
	}
	return w.Builder.Write(b)
}

// TestBenchInterrupted shows that a run at a terminal says how far it has come, and that a run that is interrupted
// says what it has measured.
func TestBenchInterrupted(t *testing.T) {
	var stdout strings.Builder
	stderr := &onWrite{signals: make(chan os.Signal, 1)}
	k := &kelpie{
		Process: cli.Process{
			Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: stderr, Getenv: func(string) string { return "" },
			Signals: func() (<-chan os.Signal, func()) { return stderr.signals, func() {} },
		},
		isTerminal: func(stream any) bool { return stream == stderr },
	}
	args := []string{"bench", "--local", "--store", "memory:", "--duration", "1h", "--warm-up", "0", "--callers", "2",
		"--mix", "get"}
	code := k.run(args)
	if code != cli.ExitInterrupted || !strings.Contains(stdout.String(), "get ") {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
	for _, want := range []string{clearLine + "1s of 1h0m0s, ", " calls/s, ", " 0 failed, p50 ", clearLine +
		"error: interrupted after "} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("does not say %q:\n%q", want, stderr.String())
		}
	}

	// The error that was written has left a signal behind.
	if code := k.run(args); code != cli.ExitInterrupted {
		t.Errorf("interrupted at once: exit code %d, %q", code, stderr.String())
	}
}

// TestBenchLine tests the progress line of a run.
func TestBenchLine(t *testing.T) {
	c := bench.Config{WarmUp: time.Second}
	for want, p := range map[string]bench.Progress{
		"warming up: 1s of 1s, 12.5 calls/s, 0 answered, 2 failed": {
			WarmingUp: true, Elapsed: time.Second, PerSecond: 12.5, Failed: 2},
		"3s, 1234 calls/s, 3000 answered, 0 failed, p50 1.23ms, p99 12.3ms, max 1.23s": {
			Elapsed: 3 * time.Second, PerSecond: 1234.4, Answered: 3000,
			Latency: bench.Latency{P50: 1234 * time.Microsecond, P99: 12345 * time.Microsecond,
				Max: 1234 * time.Millisecond},
		},
	} {
		if got := benchLine(&c, p); got != want {
			t.Errorf("says %q, want %q", got, want)
		}
	}
}

// TestBenchFailed shows in which words and by which exit code a run that failed ends.
func TestBenchFailed(t *testing.T) {
	failed := &bench.Result{
		Elapsed: 2 * time.Second, All: bench.Tally{Answered: 7, Failed: 3},
		Errors: []bench.ErrorCount{
			{Code: api.CodeUnavailable, Count: 2, Example: api.Errorf(api.CodeUnavailable, "no node")},
			{Code: api.CodeUnknown, Count: 1, Example: api.Errorf(api.CodeUnknown, "lost")},
		},
	}
	err := benchFailed(failed)
	if want := "3 of 10 calls failed: 2 unavailable, 1 unknown; for example: no node"; err.Error() != want ||
		cli.ExitCodeOf(err) != cli.ExitFailure {
		t.Errorf("%v, exit code %d", err, cli.ExitCodeOf(err))
	}
	failed.Interrupted = true
	if err := benchFailed(failed); !strings.HasPrefix(err.Error(), "interrupted after 2s; 3 of 10") ||
		cli.ExitCodeOf(err) != cli.ExitInterrupted {
		t.Errorf("%v, exit code %d", err, cli.ExitCodeOf(err))
	}
	if err := benchFailed(&bench.Result{}); err != nil {
		t.Error(err)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// nowhere is an address that no process listens at: no port can be 1 without being root's.
const nowhere = "127.0.0.1:1"

// TestUsageErrors shows what is refused before anybody is asked: each in one or two lines, with the same exit code.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"nod"}, []string{`unknown command "nod" for "kelpie"`, "did you mean node"}},
		{[]string{"xyzzy"}, []string{`unknown command "xyzzy"`, "kelpie --help"}},
		{[]string{"actor", "ls", "--namespace", "counter"}, []string{`unknown command "actor"`, "actors"}},
		{[]string{"node", "strat"}, []string{`unknown command "strat" for "kelpie node"`, "start"}},
		{[]string{"node", "list", "--addr", nowhere}, []string{`unknown command "list"`, "ls"}},
		{[]string{"completion", "tcsh"}, []string{`unknown command "tcsh"`}},
		{[]string{"help", "nod"}, []string{`unknown command "nod"`, "node"}},
		{[]string{"help", "node", "strat"}, []string{`unknown command "strat"`, "start"}},
		{[]string{"actors", "--bogus"}, []string{"unknown flag: --bogus", "kelpie actors --help"}},
		{[]string{"node", "ls", "--bogus"}, []string{"unknown flag: --bogus", "kelpie node ls --help"}},
		{[]string{"node", "ls", "-o", "xml"}, []string{"must be table, wide, json, yaml or name"}},
		{[]string{"node", "ls", "x"}, []string{`unexpected argument "x"`}},
		{[]string{"node", "ls", "--addr", "7600"}, []string{"--addr", "write HOST:PORT"}},
		{[]string{"node", "ls", "--addr", ","}, []string{"--addr"}},
		{[]string{"node", "ls", "--timeout", "0"}, []string{"--timeout"}},
		{[]string{"node", "ls", "--timeout", "soon"}, []string{"--timeout"}},
		{[]string{"actors", "ls", "--limit", "-1"}, []string{"--limit"}},
		{[]string{"actors", "ls", "--namespace", "a/b"}, []string{"namespace", "'/'"}},
		{[]string{"actors", "ls", "--node", "a b"}, []string{"node name"}},
		{[]string{"actors", "get"}, []string{"ACTOR is missing"}},
		{[]string{"actors", "get", "counter"}, []string{"NAMESPACE/ID"}},
		{[]string{"actors", "get", "counter/"}, []string{"an id has 1 to 256 bytes"}},
		{[]string{"actors", "get", "counter/a b"}, []string{"without spaces", "0x20"}},
		{[]string{"actors", "get", "-x/a"}, []string{"unknown shorthand flag"}},
		{[]string{"actors", "get", ".x/a"}, []string{"beginning with a letter or digit"}},
		{[]string{"actors", "get", strings.Repeat("n", 129) + "/a"}, []string{"1 to 128 bytes", "129"}},
		{[]string{"actors", "get", "n/" + strings.Repeat("i", 257)}, []string{"1 to 256 bytes", "257"}},
		{[]string{"actors", "call", "counter/a"}, []string{"METHOD is missing"}},
		{[]string{"actors", "call", "counter/a", ""}, []string{"1 to 128 bytes"}},
		{[]string{"actors", "call", "counter/a", "$destroy"}, []string{"actors rm"}},
		{[]string{"actors", "call", "counter/a", "add", "five"}, []string{"the request is not JSON", "double quotes"}},
		{[]string{"actors", "call", "counter/a", "add", `{"n":`},
			[]string{"the request is not JSON", "ends too early"}},
		{[]string{"actors", "call", "counter/a", "add", "5", "6"}, []string{`unexpected argument "6"`}},
		{[]string{"actors", "call", "counter/a", "add", "5", "--idempotency-key", strings.Repeat("k", 129)},
			[]string{"--idempotency-key", "at most 128"}},
		{[]string{"actors", "call", "counter/a", "add", `"` + strings.Repeat("x", 1<<20) + `"`},
			[]string{"at most 1048576 bytes"}},
		{[]string{"actors", "migrate"}, []string{"either an actor or"}},
		{[]string{"actors", "migrate", "counter"}, []string{"NAMESPACE/ID"}},
		{[]string{"actors", "migrate", "counter/a", "--to", "a b"}, []string{"node name"}},
		{[]string{"actors", "migrate", "counter/a", "--from", "n"}, []string{"either an actor or"}},
		{[]string{"actors", "migrate", "counter/a", "--limit", "1"}, []string{"--limit is for --from"}},
		{[]string{"actors", "migrate", "--from", "n"}, []string{"pass --all"}},
		{[]string{"actors", "migrate", "--from", "a b", "--all"}, []string{"node name"}},
		{[]string{"actors", "migrate", "--from", "n", "--all", "--to", "n"}, []string{"name another node"}},
		{[]string{"actors", "migrate", "--from", "n", "--all", "--limit", "-1"}, []string{"--limit"}},
		{[]string{"actors", "migrate", "--from", "n", "--all", "--namespace", "a/b"}, []string{"namespace", "'/'"}},
		{[]string{"actors", "migrate", "--from", "n", "--all", "--rate", "0"}, []string{"actors per second"}},
		{[]string{"node", "drain"}, []string{"NODE is missing"}},
		{[]string{"node", "drain", "a b"}, []string{"node name"}},
		{[]string{"node", "drain", "n", "--to", "n"}, []string{"name another node"}},
		{[]string{"node", "drain", "n", "--timeout", "-1s"}, []string{"--timeout"}},
		{[]string{"node", "undrain"}, []string{"NODE is missing"}},
		{[]string{"node", "undrain", "a b"}, []string{"node name"}},
		{[]string{"node", "rm"}, []string{"NODE is missing"}},
		{[]string{"node", "rm", "a b", "--yes"}, []string{"node name"}},
		{[]string{"node", "show"}, []string{"NODE is missing"}},
		{[]string{"node", "show", "a b"}, []string{"node name"}},
		{[]string{"node", "start", "--drain-timeout", "-1s"}, []string{"--drain-timeout"}},
		{[]string{"cluster", "rebalance", "x"}, []string{"unexpected argument"}},
		{[]string{"cluster", "rebalance", "--by", "name"}, []string{"actors, load or memory"}},
		{[]string{"leases", "break"}, []string{"either a node or"}},
		{[]string{"leases", "break", "a", "--actor", "counter/a"}, []string{"either a node or"}},
		{[]string{"leases", "break", "a", "b"}, []string{"either a node or"}},
		{[]string{"leases", "break", "a b", "--yes"}, []string{"node name"}},
		{[]string{"leases", "break", "--actor", "counter", "--yes"}, []string{"NAMESPACE/ID"}},
		{[]string{"namespaces", "show"}, []string{"NAMESPACE is missing"}},
		{[]string{"namespaces", "show", "a/b"}, []string{"namespace", "'/'"}},
		{[]string{"namespaces", "set"}, []string{"NAMESPACE is missing"}},
		{[]string{"namespaces", "set", "a/b", "--placement", "random"}, []string{"namespace", "'/'"}},
		{[]string{"namespaces", "set", "counter"}, []string{"pass what to set: --placement,"}},
		{[]string{"namespaces", "set", "counter", "--placement", "nearest"},
			[]string{`--placement "nearest": must be one of least-loaded, random, `}},
		{[]string{"namespaces", "set", "counter", "--fallback", ""}, []string{`--fallback "": must be one of`}},
		{[]string{"namespaces", "set", "counter", "--prefer", "n1"},
			[]string{`preference "n1": write KEY=VALUE, such as node=n1, zone=eu`}},
		{[]string{"namespaces", "set", "counter", "--idle-timeout", "long"}, []string{"--idle-timeout"}},
		{[]string{"cluster", "wait"}, []string{"--nodes"}},
		{[]string{"cluster", "wait", "--nodes", "0"}, []string{"at least 1"}},
		{[]string{"store", "get", "a/%2"}, []string{"hexadecimal"}},
		{[]string{"store", "scan", "[", "--limit", "1"}, []string{"JSON array"}},
		{[]string{"store", "scan", "--limit", "-1"}, []string{"--limit"}},
		{[]string{"store", "scan", "--store", "mongo:x"}, []string{"of an unknown kind", "kelpie://HOST:PORT"}},
		{[]string{"store", "serve", "--store", "kelpie://127.0.0.1:1"}, []string{"is already networked"}},
		{[]string{"node", "start", "--listen", "x"}, []string{"--listen", "HOST:PORT"}},
		{[]string{"node", "start", "--store", "mongo:x"}, []string{"of an unknown kind", "pebble:DIR"}},
		{[]string{"node", "start", "--capacity", "-1", "--store", "memory:"}, []string{"--capacity"}},
		{[]string{"node", "start", "--zone", "eu west"}, []string{`zone "eu west"`}},
		{[]string{"node", "start", "--label", "disk"}, []string{`label "disk"`, "KEY=VALUE"}},
		{[]string{"version", "x"}, []string{"unexpected argument"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			terminal{}.run(c.args...).wants(t, cli.ExitUsage, c.says...)
		})
	}
}

// TestNobodyThere shows what a command says when no node answers: every address, with the reason.
func TestNobodyThere(t *testing.T) {
	for _, args := range [][]string{
		{"node", "ls"},
		{"actors", "ls"},
		{"actors", "get", "counter/a"},
		{"actors", "call", "counter/a", "get"},
		{"actors", "rm", "counter/a", "--yes"},
		{"leases", "ls"},
		{"leases", "break", "n", "--yes"},
		{"leases", "break", "n", "--dry-run"},
		{"leases", "break", "--actor", "counter/a", "--dry-run"},
		{"actors", "migrate", "counter/a"},
		{"actors", "migrate", "--from", "n", "--all", "--yes"},
		{"actors", "migrate", "--from", "n", "--all", "--dry-run"},
		{"actors", "migrate", "--from", "n", "--cancel"},
		{"node", "drain", "n", "--yes"},
		{"node", "undrain", "n"},
		{"node", "rm", "n", "--yes"},
		{"node", "show", "n"},
		{"cluster", "rebalance", "--dry-run"},
		{"cluster", "rebalance", "--yes"},
		{"cluster", "rebalance", "--cancel"},
		{"namespaces", "ls"},
		{"namespaces", "show", "counter"},
		{"namespaces", "set", "counter", "--placement", "random"},
		{"store", "get", "meta"},
		{"store", "scan"},
		{"cluster", "wait", "--nodes", "1", "--timeout", "100ms"},
		{"bench", "--calls", "1"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r := terminal{env: map[string]string{"KELPIE_ADDR": nowhere + ",[::1]:1"}}.run(args...)
			r.wants(t, cli.ExitUnavailable, nowhere+" (connection refused)", "[::1]:1 (", "KELPIE_ADDR")
		})
	}
}

// TestHelp shows that help is an answer, on stdout.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--help"}, {"help"}, {"node"}, {"help", "node", "start"}, {"actors", "ls", "--help"}, {"exit-codes"},
		{"help", "exit-codes"}, {"version"},
	} {
		r := terminal{}.run(args...)
		if r.code != cli.ExitOK || r.stdout == "" || r.stderr != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// TestConfirm shows that what can't be undone is asked about at a terminal, and not done without one.
func TestConfirm(t *testing.T) {
	looking := lookedAt(t)
	for _, c := range []struct {
		name        string
		interactive bool
		answer      string
		code        int
		says        string
	}{
		{"no terminal", false, "y\n", cli.ExitRefused, "--yes"},
		{"no", true, "n\n", cli.ExitRefused, "not confirmed"},
		{"nothing", true, "\n", cli.ExitRefused, "not confirmed"},
		{"end of input", true, "", cli.ExitRefused, "not confirmed"},
		{"yes", true, "y\n", cli.ExitUnavailable, "answer"},
		{"Yes without end of line", true, "YES", cli.ExitUnavailable, "answer"},
	} {
		for _, args := range [][]string{
			{"actors", "rm", "counter/a", "--addr", nowhere},
			{"node", "rm", "n", "--addr", nowhere},
			{"leases", "break", "n", "--addr", looking},
			{"leases", "break", "--actor", "counter/a", "--addr", looking},
			{"node", "drain", "n", "--addr", looking},
			{"actors", "migrate", "--from", "n", "--all", "--addr", looking},
			{"cluster", "rebalance", "--addr", looking},
		} {
			t.Run(c.name+": "+strings.Join(args, " "), func(t *testing.T) {
				r := terminal{stdin: c.answer, interactive: c.interactive}.run(args...)
				if r.code != c.code || !strings.Contains(r.stderr, c.says) {
					t.Errorf("%+v", r)
				}
				if asked := strings.Contains(r.stderr, "[y/N]"); asked != c.interactive {
					t.Errorf("asked: %v\n%s", asked, r.stderr)
				}
			})
		}
	}
}

// brokenPipe is a reader that has gone.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestBrokenPipe shows that nothing is said when nobody reads the answer.
func TestBrokenPipe(t *testing.T) {
	var stderr strings.Builder
	p := cli.Process{Stdin: strings.NewReader(""), Stdout: brokenPipe{}, Stderr: &stderr,
		Getenv: func(string) string { return "" }}
	if code := run(p, []string{"version"}); code != cli.ExitBrokenPipe || stderr.String() != "" {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// failingWriter is a full disk.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestFullDisk shows that an answer that could not be written is a failure.
func TestFullDisk(t *testing.T) {
	var stderr strings.Builder
	p := cli.Process{Stdin: strings.NewReader(""), Stdout: failingWriter{}, Stderr: &stderr,
		Getenv: func(string) string { return "" }}
	if code := run(p, []string{"version"}); code != cli.ExitFailure || stderr.String() != "error: no space left\n" {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// TestStyle shows when there is colour: at a terminal, unless somebody objects.
func TestStyle(t *testing.T) {
	for _, c := range []struct {
		interactive bool
		noColor     bool
		env         map[string]string
		want        bool
	}{
		{true, false, nil, true},
		{false, false, nil, false},
		{true, true, nil, false},
		{true, false, map[string]string{"NO_COLOR": "1"}, false},
		{true, false, map[string]string{"TERM": "dumb"}, false},
	} {
		k := &kelpie{Process: cli.Process{Getenv: func(name string) string { return c.env[name] }},
			isTerminal: func(any) bool { return c.interactive }}
		if got := k.style(&output{noColor: c.noColor}).colour; got != c.want {
			t.Errorf("%+v: colour is %v", c, got)
		}
	}
}

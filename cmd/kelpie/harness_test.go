// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// terminal is the process that a command runs in.
type terminal struct {
	stdin string
	env   map[string]string
	// interactive says that stdin and stdout are a terminal.
	interactive bool
	// signals may deliver some.
	signals chan os.Signal
}

// result is what became of a command.
type result struct {
	code           int
	stdout, stderr string
}

// listen is how a command listens for signals.
func (term terminal) listen() (<-chan os.Signal, func()) { return term.signals, func() {} }

// run runs a command, given as the words of a line; a word with spaces is quoted by ”.
func (term terminal) run(args ...string) result {
	var stdout, stderr strings.Builder
	k := &kelpie{
		Process: cli.Process{
			Stdin: strings.NewReader(term.stdin), Stdout: &stdout, Stderr: &stderr,
			Getenv:  func(name string) string { return term.env[name] },
			Signals: term.listen,
		},
		isTerminal: func(any) bool { return term.interactive },
	}
	code := k.run(args)
	return result{code, stdout.String(), stderr.String()}
}

// wants checks the exit code and that stdout and stderr say something. A refusal has nothing on stdout and at most two
// lines on stderr.
func (r result) wants(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	plainErrors(t, r)
	if r.code != cli.ExitOK &&
		(r.stdout != "" || strings.Count(r.stderr, "\n") > 2 || !strings.HasPrefix(r.stderr, "error: ")) {
		t.Error("not one or two lines on stderr alone")
	}
	for _, s := range says {
		if !strings.Contains(r.stdout+r.stderr, s) {
			t.Errorf("does not say %q", s)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// rows decodes what -o json printed.
func rows[R any](t *testing.T, r result) []R {
	t.Helper()
	var all []R
	if err := json.Unmarshal([]byte(r.stdout), &all); r.code != cli.ExitOK || err != nil {
		t.Fatalf("no rows: exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	return all
}

// server is a command that serves until it gets a signal.
type server struct {
	address string
	signals chan os.Signal
	ended   chan int
}

// serve starts a command that logs "serving", and stops it with the test.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{signals: make(chan os.Signal, 2), ended: make(chan int, 1)}
	logs, stderr := io.Pipe()
	home := t.TempDir()
	p := cli.Process{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: stderr,
		Getenv: func(name string) string {
			return map[string]string{"HOME": home, "KELPIE_LOG_FORMAT": "json"}[name]
		},
		Signals: func() (<-chan os.Signal, func()) { return s.signals, func() {} },
	}
	go func() {
		code := run(p, args)
		stderr.Close()
		s.ended <- code
	}()
	t.Cleanup(func() {
		s.signals <- os.Interrupt
		if code := <-s.ended; code != cli.ExitOK {
			t.Errorf("%v ended with %d", args, code)
		}
	})
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(logs, &said))
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && strings.HasPrefix(line.Msg, "serving") {
			s.address = line.Address
			go io.Copy(io.Discard, logs)
			return s
		}
	}
	t.Fatalf("%v does not serve:\n%s", args, said.String())
	return nil
}

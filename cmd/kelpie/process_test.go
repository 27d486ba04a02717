// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asKelpie makes the test's own binary the command.
const asKelpie = "KELPIE_TEST_AS_KELPIE"

func TestMain(m *testing.M) {
	if os.Getenv(asKelpie) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process returns the command as a process of its own, with a home of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{asKelpie + "=1", "HOME=" + t.TempDir()}
	return cmd
}

// TestSignals shows that a node and a store stop cleanly on the signals that people and service managers send.
func TestSignals(t *testing.T) {
	for _, args := range [][]string{
		{"node", "start", "--node-id", "n", "--listen", "127.0.0.1:0"},
		{"store", "serve", "--listen", "127.0.0.1:0"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			cmd := process(t, args...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stderr)
			var said strings.Builder
			for serving := false; lines.Scan(); {
				said.WriteString(lines.Text() + "\n")
				if !serving && strings.Contains(lines.Text(), "msg=\"serving") ||
					strings.Contains(lines.Text(), "msg=serving") {
					serving = true
					if err := cmd.Process.Signal(signal); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v ended on %v with %v:\n%s", args, signal, err, said.String())
			}
		}
	}
}

// TestPipeCloses shows that a command whose reader has gone ends without a word, at once or in the middle of a list.
func TestPipeCloses(t *testing.T) {
	addr := manyActors(t, 100_000, func(int) {})
	for _, args := range [][]string{{"version"}, {"actors", "ls", "--addr", addr},
		{"actors", "ls", "-o", "json", "--watch", "--addr", addr}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := process(t, args...)
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = write, &stderr
		if args[0] == "version" {
			read.Close()
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		if args[0] != "version" {
			if _, err := io.ReadFull(read, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			read.Close()
		}
		err = cmd.Wait()
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || stderr.String() != "" {
			t.Fatalf("%v ended with %v, saying %q", args, err, stderr.String())
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE {
			t.Errorf("%v ended with %v", args, exit)
		}
	}
}

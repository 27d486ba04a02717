// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package shells

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// What the command is made of: without this, go test takes the result of a run before a change for one after it.
	_ "github.com/kelpiehq/kelpie/pkg/host"
)

const (
	repository = "../.."
	prefix     = "/usr/local"
)

// installed is the directory that was installed to, with the prefix; dest is without it.
var installed, dest string

func TestMain(m *testing.M) { os.Exit(installAndRun(m)) }

func installAndRun(m *testing.M) int {
	remove, err := install()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	return m.Run()
}

// install does what a package's build does.
func install() (remove func(), err error) {
	// for go test, as the import above: it watches what a test reads
	for _, read := range []string{"cmd/kelpie", "completions", "docs/man"} {
		if _, err := os.ReadDir(filepath.Join(repository, read)); err != nil {
			return nil, err
		}
	}
	if dest, err = os.MkdirTemp("", "kelpie-shells"); err != nil {
		return nil, err
	}
	installed = filepath.Join(dest, prefix)
	cmd := exec.Command("make", "install", "DESTDIR="+dest, "PREFIX="+prefix, "BIN="+filepath.Join(dest, "build"))
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MFLAGS=") // those of a make that runs the tests are for itself
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("make install: %w\n%s", err, out), os.RemoveAll(dest))
	}
	return func() {
		if err := os.RemoveAll(dest); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}, nil
}

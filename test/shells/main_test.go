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
	"strings"
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
	err := checkTools()
	if err == nil {
		var remove func()
		if remove, err = install(); err == nil {
			defer remove()
			return m.Run()
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// bashCompletion is what users of bash with the package of that name source.
const bashCompletion = "/usr/share/bash-completion/bash_completion"

// checkTools wants what the tests are made with to be there.
func checkTools() error {
	var missing []string
	for _, tool := range []string{"make", "bash", "zsh", "fish", "mandoc", "tmux"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if _, err := os.Stat(bashCompletion); err != nil {
		missing = append(missing, "bash-completion")
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s; install what the tests in test/shells need by: apt-get install -y make bash bash-completion zsh fish mandoc tmux", strings.Join(missing, ", "))
	}
	return nil
}

// install does what a package's build does.
func install() (remove func(), err error) {
	for _, read := range []string{"cmd/kelpie", "completions", "docs/man"} { // for go test, as the import above: it watches what a test reads
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

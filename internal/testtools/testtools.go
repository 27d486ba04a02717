// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package testtools

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// BashCompletion is what users of bash who have the package of that name source.
const BashCompletion = "/usr/share/bash-completion/bash_completion"

// tool is what some tests need.
type tool struct {
	name string
	file string // where it is, if it is not a command found by its name
	pkgs string // Debian's packages that have it
}

// tools are all that a test may require, but for what the race detector needs.
var tools = []tool{
	{name: "bash", pkgs: "bash"},
	{name: "bash-completion", file: BashCompletion, pkgs: "bash-completion"},
	{name: "fish", pkgs: "fish"},
	{name: "mandoc", pkgs: "mandoc"},
	{name: "tmux", pkgs: "tmux"},
	{name: "zsh", pkgs: "zsh"},
}

// compiler stands for what the race detector needs: a C compiler and the headers of the C library.
var compiler = tool{name: "a C compiler (race detector)", pkgs: "gcc libc6-dev"}

func (t tool) missing() bool {
	var err error
	if t.file != "" {
		_, err = os.Stat(t.file)
	} else {
		_, err = exec.LookPath(t.name)
	}
	return err != nil
}

// T is what Require needs of a test, as testing.TB has it: the command leftout must not link testing.
type T interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Require skips a test where one of the tools is missing, and fails it there under CI. A tool that the package does not
// list panics: Summary would not report it.
func Require(t T, names ...string) {
	t.Helper()
	missing := missingOf(names)
	if len(missing) == 0 {
		return
	}
	message := fmt.Sprintf("needs %s: %s", join(missing), install(missing))
	if CI() {
		t.Fatal(message)
	}
	t.Skip(message)
}

// missingOf returns those of the named tools that this machine lacks.
func missingOf(names []string) (missing []tool) {
	for _, name := range names {
		i := slices.IndexFunc(tools, func(t tool) bool { return t.name == name })
		if i < 0 {
			panic(fmt.Sprintf("testtools: %q is not in the list of tools", name))
		}
		if tools[i].missing() {
			missing = append(missing, tools[i])
		}
	}
	return missing
}

// CI reports whether the tests run under CI, where no tool may be missing.
func CI() bool {
	value := os.Getenv("CI")
	return value != "" && value != "false" && value != "0"
}

// Summary says in one line which tests were left out for want of a tool, and how to get it; empty if none were. race is
// whether the race detector works here.
func Summary(race bool) string {
	var missing []tool
	for _, t := range tools {
		if t.missing() {
			missing = append(missing, t)
		}
	}
	if !race {
		missing = append(missing, compiler)
	}
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("Left out: the tests that need %s. To run them: %s.", join(missing), install(missing))
}

func join(missing []tool) string {
	var names []string
	for _, t := range missing {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}

func install(missing []tool) string {
	var pkgs []string
	for _, t := range missing {
		pkgs = append(pkgs, t.pkgs)
	}
	return "apt-get install " + strings.Join(pkgs, " ")
}

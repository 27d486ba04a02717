// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// line is the line of releases that the client is of: others do not understand it.
const line = "7.3"

// tools are FoundationDB's programs.
type tools struct{ server, cli string }

// sbin is where packages put servers, which is not in everybody's path.
const sbin = "/usr/sbin/"

func findTools(getenv func(string) string) (t tools, err error) {
	if t.server, err = findTool("fdbserver", getenv("FDBSERVER"), "foundationdb-server"); err != nil {
		return t, err
	}
	t.cli, err = findTool("fdbcli", getenv("FDBCLI"), "foundationdb-clients")
	return t, err
}

func findTool(name, given, pack string) (string, error) {
	path, err := exec.LookPath(cmp.Or(given, name))
	if err != nil && given == "" {
		path, err = exec.LookPath(sbin + name)
	}
	if err != nil {
		return "", fmt.Errorf("%s is missing: install %s 7.3 (https://github.com/apple/foundationdb/releases)",
			cmp.Or(given, name), pack)
	}
	return path, nil
}

// versions returns which FoundationDB this is, or an error if it is of another line of releases, or does not say.
func (t tools) versions(ctx context.Context) (string, error) {
	var all []string
	for _, program := range []string{t.server, t.cli} {
		out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err != nil {
			return "", fmt.Errorf("%s --version: %w: %s", program, err, first)
		}
		if !strings.Contains(first, "FoundationDB") || !strings.Contains(first, " "+line+" ") {
			return "", fmt.Errorf("%s says %q, and should be of FoundationDB %s: install that, or name another by "+
				"FDBSERVER and FDBCLI", program, first, line)
		}
		all = append(all, first)
	}
	return strings.Join(all, ", "), nil
}

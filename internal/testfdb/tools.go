// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"cmp"
	"fmt"
	"os/exec"
)

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
		return "", fmt.Errorf("%s is missing: install %s 7.3 (https://github.com/apple/foundationdb/releases)", cmp.Or(given, name), pack)
	}
	return path, nil
}

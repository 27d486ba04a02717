// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// clusterFileVariable names a cluster file to all of FoundationDB's programs.
const clusterFileVariable = "FDB_CLUSTER_FILE"

// clusterFileHere is a cluster file in the working directory.
const clusterFileHere = "fdb.cluster"

// clusterLine is the one line of a cluster file: DESCRIPTION:ID@ADDRESS,... FoundationDB's client checks the addresses.
var clusterLine = regexp.MustCompile(`^[A-Za-z0-9_]+:[A-Za-z0-9]+@[^@\s]+$`)

// defaultClusterFile is where FoundationDB's packages put a cluster file.
func defaultClusterFile() string {
	if runtime.GOOS == "darwin" {
		return "/usr/local/etc/foundationdb/fdb.cluster"
	}
	return "/etc/foundationdb/fdb.cluster"
}

// findClusterFile returns the absolute path of the cluster file to use, in the order in which FoundationDB's programs
// look for it, or says what is wrong with it. (FoundationDB's client would say nothing, and wait.)
func findClusterFile(given string, getenv func(string) (string, bool)) (string, error) {
	path := given
	if path == "" {
		path = impliedClusterFile(getenv)
	}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && given == "":
		return "", fmt.Errorf("no cluster file found: name one by fdb:FILE or %s, or copy the cluster's to %s",
			clusterFileVariable, defaultClusterFile())
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("cluster file %s does not exist: copy it from a machine of the cluster", path)
	case err != nil:
		return "", fmt.Errorf("cluster file: %w", err)
	}
	if err := checkClusterFile(string(content)); err != nil {
		return "", fmt.Errorf("cluster file %s: %w", path, err)
	}
	return filepath.Abs(path)
}

func impliedClusterFile(getenv func(string) (string, bool)) string {
	if path, set := getenv(clusterFileVariable); set {
		return path
	}
	if _, err := os.Stat(clusterFileHere); err == nil {
		return clusterFileHere
	}
	return defaultClusterFile()
}

// checkClusterFile tells a cluster file from other files. What follows a # in a line is a comment.
func checkClusterFile(content string) error {
	var lines []string
	for line := range strings.Lines(content) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !clusterLine.MatchString(lines[0]) {
		return errors.New("it is malformed: it should hold one line, DESCRIPTION:ID@IP:PORT,... of coordinators")
	}
	return nil
}

// checkReadable returns why a file of TLS can't be read; an empty path is none.
func (t TLS) checkReadable() error {
	for name, path := range map[string]string{"tls_cert": t.Cert, "tls_key": t.Key, "tls_ca": t.CA} {
		if path == "" {
			continue
		}
		if _, err := os.ReadFile(path); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var storeFlag = flag.String("e2e.store", "", "fdb:CLUSTERFILE to run clusters on, instead of on a store of their "+
	"own; needs FoundationDB's client library")

// fdbScheme begins the URLs of stores on FoundationDB.
const fdbScheme = "fdb:"

// storeTags are the build tags that the command needs for the store, each with a comma before it.
func storeTags() (string, error) {
	switch {
	case *storeFlag == "":
		return "", nil
	case !strings.HasPrefix(*storeFlag, fdbScheme) || strings.Contains(*storeFlag, "?"):
		return "", errors.New("-e2e.store: only fdb:CLUSTERFILE is taken")
	}
	return ",fdb", nil
}

// storeURL is the store of a new cluster: a part of FoundationDB that nobody else has.
func storeURL(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%s?prefix=%s-%d-%d/", *storeFlag, t.Name(), os.Getpid(), time.Now().UnixNano())
}

// storeEnv is what a process needs of the reader's settings to find FoundationDB's client library.
func storeEnv() []string {
	if path, set := os.LookupEnv("LD_LIBRARY_PATH"); set && *storeFlag != "" {
		return []string{"LD_LIBRARY_PATH=" + path}
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNeed shows what is said where a build with FoundationDB can't be, in one line, before go says it in many.
func TestNeed(t *testing.T) {
	for name, c := range map[string]struct{ compiler, want string }{
		"all there":   {"exit 0", ""},
		"no header":   {"exit 1", "the header foundationdb/fdb_c.h"},
		"no library":  {`case "$*" in *-lfdb_c*) exit 1 ;; esac`, "the library libfdb_c"},
		"no compiler": {"", "needs a C compiler"},
	} {
		compiler := filepath.Join(t.TempDir(), "cc")
		if c.compiler != "" {
			if err := os.WriteFile(compiler, []byte("#!/bin/sh\n"+c.compiler+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "../../scripts/need-fdb.sh")
		cmd.Env = append(os.Environ(), "CC="+compiler)
		out, err := cmd.CombinedOutput()
		if c.want == "" {
			if err != nil || len(out) > 0 {
				t.Errorf("%s: %v, %q", name, err, out)
			}
			continue
		}
		if err == nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), c.want) ||
			!strings.Contains(string(out), "install") {
			t.Errorf("%s: %v, %q; want one line with %q and what to install", name, err, out, c.want)
		}
	}
}

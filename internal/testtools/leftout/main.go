// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kelpiehq/kelpie/internal/testtools"
)

func main() {
	race := flag.Bool("race", false, "print yes or no: whether to run the pass under the race detector")
	flag.Parse()
	works, err := raceWorks()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "leftout:", err)
		os.Exit(1)
	case *race && (works || testtools.CI()):
		fmt.Println("yes")
	case *race:
		fmt.Println("no")
	default:
		if line := testtools.Summary(works); line != "" {
			fmt.Println(line)
		}
	}
}

// raceWorks reports whether a program can be built with the race detector, by building the smallest one.
func raceWorks() (works bool, err error) {
	dir, err := os.MkdirTemp("", "kelpie-leftout")
	if err != nil {
		return false, err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return false, err
	}
	build := exec.Command(cmp.Or(os.Getenv("GO"), "go"), "build", "-race", "-o", filepath.Join(dir, "main"), source)
	return build.Run() == nil, nil
}

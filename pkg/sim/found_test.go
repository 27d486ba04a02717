// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestFound runs what once broke a promise: each file of testdata/found says what it was, and has a line of flags,
// and may be a plan on the lines after it.
func TestFound(t *testing.T) {
	files, err := filepath.Glob("testdata/found/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			o := readFound(t, file)
			// What went wrong under one schedule may need another one by now.
			for range 5 {
				holds(t, o)
				o.Seed++
			}
		})
	}
}

func readFound(t *testing.T, file string) sim.Options {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	var o sim.Options
	flags := pflag.NewFlagSet(file, pflag.ContinueOnError)
	flags.Uint64Var(&o.Seed, "seed", 0, "")
	flags.StringVar(&o.Profile, "profile", "", "")
	flags.IntVar(&o.Nodes, "nodes", 0, "")
	flags.IntVar(&o.Clients, "clients", 0, "")
	flags.IntVar(&o.Calls, "calls", 0, "")
	flags.DurationVar(&o.For, "duration", 0, "")
	flags.StringSliceVar(&o.Faults, "faults", nil, "")
	flags.StringSliceVar(&o.Workloads, "workloads", nil, "")
	if err := flags.Parse(strings.Fields(lines[0])); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, list := range []*[]string{&o.Faults, &o.Workloads} {
		if len(*list) == 1 && (*list)[0] == sim.None {
			*list = []string{}
		}
	}
	if len(lines) > 1 {
		plan, err := sim.ParsePlan(strings.Join(lines[1:], "\n"))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		o.Plan = &plan
	}
	return o
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/pflag"
)

// changesNothing are flags of numbers that have no default: one that is not given changes nothing, or must be given.
var changesNothing = []string{"kelpie namespaces set --idle-timeout", "kelpie cluster wait --nodes"}

// TestFlagsSayTheirVariablesAndDefaults shows that the help of every flag of every command names its variable, if it
// has one, and what it is when nothing is said: of settings always, of others unless that is nothing at all.
func TestFlagsSayTheirVariablesAndDefaults(t *testing.T) {
	var settings int
	for _, cmd := range documented(newTestRoot()) {
		usages := cmd.Flags().FlagUsages()
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			name := cmd.CommandPath() + " --" + f.Name
			line := usages[strings.Index(usages, "--"+f.Name+" "):]
			line, _, _ = strings.Cut(line, "\n")
			says := strings.Contains(line, "default")
			variable := cli.VariableOf(f)
			switch {
			case variable != "":
				settings++
				if !strings.HasPrefix(variable, "KELPIE_") || strings.Count(line, "[$"+variable+"]") != 1 || !says {
					t.Errorf("%s names neither $%s nor its default: %s", name, variable, line)
				}
			case slices.Contains([]string{"0", "0s"}, f.DefValue) && !slices.Contains(changesNothing, name):
				if !says && !strings.Contains(line, "0 for") {
					t.Errorf("%s does not say what 0 is: %s", name, line)
				}
			case !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) && !says:
				t.Errorf("%s does not say its default, %s: %s", name, f.DefValue, line)
			}
		})
	}
	if settings < 100 {
		t.Errorf("only %d flags have a variable: are all commands there?", settings)
	}
}

// TestSettingsHaveVariables shows that every flag of the commands that serve, and those that the commands which ask
// the cluster have in common, can be set without a command line.
func TestSettingsHaveVariables(t *testing.T) {
	for _, cmd := range documented(newTestRoot()) {
		serves := cmd.CommandPath() == "kelpie node start" || cmd.CommandPath() == "kelpie store serve"
		if asks := cmd.Flags().Lookup("addr") != nil &&
			!slices.Contains([]string{"kelpie context add"}, cmd.CommandPath()); asks || serves {
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				common := slices.Contains([]string{"addr", "context", "output", "no-color"}, f.Name)
				if (serves && f.Name != "help" || common) && cli.VariableOf(f) == "" {
					t.Errorf("%s --%s has no variable", cmd.CommandPath(), f.Name)
				}
			})
			if asks && cmd.Flags().Lookup("context") == nil {
				t.Errorf("%s takes addresses, but no context", cmd.CommandPath())
			}
		}
	}
}

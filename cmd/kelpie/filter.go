// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// registerStates makes the flag that selects rows by their state.
func registerStates(cmd *cobra.Command, states *[]string, known []string) {
	cmd.Flags().StringSliceVar(states, "state", nil, "only those in one of these states: "+strings.Join(known, ", "))
	must(cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)))
}

// checkStates refuses states that there are not. Errors are CodeInvalidArgument.
func checkStates(states, known []string) error {
	for _, s := range states {
		if !slices.Contains(known, s) {
			return api.Errorf(api.CodeInvalidArgument, "--state %q: must be one of %s", s, strings.Join(known, ", "))
		}
	}
	return nil
}

// nodeStates are those that a node and its lease can be in.
var nodeStates = []string{"active", "suspect", "draining", "left", "failed"}

// nodeFilter is the flags that select nodes. Of these there are few enough to be read all.
type nodeFilter struct {
	states, labels []string
	zone           string
}

func (f *nodeFilter) register(cmd *cobra.Command) {
	registerStates(cmd, &f.states, nodeStates)
	cmd.Flags().StringVar(&f.zone, "zone", "", "only nodes of this zone")
	cmd.Flags().StringSliceVar(&f.labels, "label", nil, "only nodes with all of these labels, each KEY=VALUE")
}

func (f *nodeFilter) validate() error {
	if err := checkStates(f.states, nodeStates); err != nil {
		return err
	}
	if err := api.ValidateZone(f.zone); err != nil {
		return err
	}
	return api.ValidateLabels(f.labels)
}

func (f *nodeFilter) selects(r *api.NodeRow) bool {
	if len(f.states) > 0 && !slices.Contains(f.states, r.State) || f.zone != "" && r.Zone != f.zone {
		return false
	}
	return !slices.ContainsFunc(f.labels, func(label string) bool { return !slices.Contains(r.Labels, label) })
}

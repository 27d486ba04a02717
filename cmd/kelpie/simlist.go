// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

var simItemListing = listing[sim.Item]{
	name: func(r *sim.Item) string { return r.Name },
	fields: []field[sim.Item]{
		{key: "kind", meaning: "fault, workload, checker, profile or bug", header: "KIND",
			cell: func(r *sim.Item) string { return r.Kind }},
		{key: "name", meaning: "name to pass to a flag", header: "NAME", cell: func(r *sim.Item) string {
			return r.Name
		}},
		{key: "description", meaning: "what it is", header: "DESCRIPTION", cell: func(r *sim.Item) string {
			return r.Description
		}},
	},
}

func (k *kelpie) simList() *cobra.Command {
	return listCommand[sim.Item]{
		use:     "ls",
		short:   "List the parts of simulated runs",
		long:    "List the faults, workloads, checkers, profiles and bugs of simulated runs.",
		example: "  kelpie sim ls\n  kelpie sim ls --sort name -o json",
		args:    cli.Args(),
		listing: simItemListing,
		offline: true,
		fetch: func(_ context.Context, _ *session, _ []string, emit func([]sim.Item) error) error {
			return emit(campaign.Catalog())
		},
	}.command(k)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

var simItemListing = listing[sim.Item]{
	name: func(r *sim.Item) string { return r.Name },
	fields: []field[sim.Item]{
		{key: "kind", meaning: "fault, workload, checker, profile or bug", header: "KIND", cell: func(r *sim.Item) string { return r.Kind }},
		{key: "name", meaning: "what a flag calls it", header: "NAME", cell: func(r *sim.Item) string { return r.Name }},
		{key: "description", meaning: "what it is", header: "DESCRIPTION", cell: func(r *sim.Item) string { return r.Description }},
	},
}

func (k *kelpie) simList() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List what simulated runs are made of",
		Long:    "List the faults, workloads, checkers, profiles and bugs of simulated runs.\n\n" + simItemListing.help(),
		Example: "  kelpie sim ls\n  kelpie sim ls -o json",
		Args:    host.Args(),
		RunE: func(*cobra.Command, []string) error {
			p := newPrinter(k.Stdout, o.format, k.style(&o), simItemListing, false)
			if err := p.rows(campaign.Catalog()); err != nil {
				return err
			}
			return p.end()
		},
	}
	o.register(cmd)
	return cmd
}

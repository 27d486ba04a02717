// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

var placementListing = listing[api.PlacementRow]{
	name: func(r *api.PlacementRow) string {
		if r.Namespace == "" || r.Node == "" {
			return r.Namespace + r.Node
		}
		return r.Namespace + " " + r.Node
	},
	fields: []field[api.PlacementRow]{
		{key: "namespace", meaning: "namespace of the actors, empty with --by node", header: "NAMESPACE",
			cell: func(r *api.PlacementRow) string { return cmp.Or(r.Namespace, "*") }},
		{key: "node", meaning: "their owner, empty with --by namespace", header: "NODE",
			cell: func(r *api.PlacementRow) string { return cmp.Or(r.Node, "*") }},
		{key: "actors", meaning: "how many the node owns", header: "ACTORS", cell: func(r *api.PlacementRow) string {
			return strconv.Itoa(r.Actors)
		}},
		{key: "orphaned", meaning: "those whose owner has lost its lease", header: "ORPHANED",
			cell: func(r *api.PlacementRow) string { return strconv.Itoa(r.Orphaned) }},
	},
}

func (k *kelpie) placements() *cobra.Command {
	return group("placements", "Count actors per node and namespace", "", k.placementList())
}

// placementFlags are those of "placements ls".
type placementFlags struct {
	api.PlacementsRequest
	by string
}

const (
	byNode      = "node"
	byNamespace = "namespace"
)

func (f *placementFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Namespace, "namespace", "", "only actors of this namespace")
	flags.StringVar(&f.Node, "node", "", "only actors that this node owns")
	flags.StringVar(&f.by, "by", "", "count by node only, or by namespace only (default by both)")
	must(cmd.RegisterFlagCompletionFunc(
		"by", cobra.FixedCompletions([]cobra.Completion{byNode, byNamespace}, cobra.ShellCompDirectiveNoFileComp)))
}

func (f *placementFlags) validate() error {
	if f.by != "" && f.by != byNode && f.by != byNamespace {
		return api.Errorf(api.CodeInvalidArgument, "--by %q: must be node or namespace", f.by)
	}
	return (&actorFilter{api.ActorsRequest{Namespace: f.Namespace, Node: f.Node}}).validate()
}

func (k *kelpie) placementList() *cobra.Command {
	var f placementFlags
	return listCommand[api.PlacementRow]{
		use:   "ls",
		short: "Count actors per node and namespace",
		long: `Count the actors that each node owns, per namespace. Namespaces are counted and
printed one after the other. The counts are not of a single moment: an actor
that moves meanwhile may be counted twice, or not at all.`,
		example: "  kelpie placements ls\n  kelpie placements ls --by node --sort actors:desc\n  kelpie placements " +
			"ls --namespace counter -o json",
		args:    cli.Args(),
		flags:   f.register,
		listing: placementListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.PlacementRow) error) error {
			if err := f.validate(); err != nil {
				return err
			}
			return f.count(ctx, s, emit)
		},
	}.command(k)
}

// count adds up what the nodes count, and emits what no later page adds to.
func (f *placementFlags) count(ctx context.Context, s *session, emit func([]api.PlacementRow) error) error {
	req := f.PlacementsRequest
	var sums []api.PlacementRow
	for {
		reply, err := ask[api.PlacementsRequest, api.PlacementsReply](ctx, s, api.MethodPlacements, &req)
		if err != nil {
			return err
		}
		for _, row := range reply.Placements {
			sums = f.add(sums, row)
		}
		open := ""
		if reply.Next != "" {
			id, err := api.ParseActorID(reply.Next)
			if err != nil {
				return err
			}
			open = id.Namespace
		}
		var done []api.PlacementRow
		if done, sums = f.settled(sums, open); len(done) > 0 {
			if err := emit(done); err != nil {
				return err
			}
		}
		if reply.Next == "" {
			return nil
		}
		req.After = reply.Next
	}
}

// add adds a count to those there are, in order of namespace and node.
func (f *placementFlags) add(sums []api.PlacementRow, row api.PlacementRow) []api.PlacementRow {
	switch f.by {
	case byNode:
		row.Namespace = ""
	case byNamespace:
		row.Node = ""
	}
	at, found := slices.BinarySearchFunc(sums, row, func(a, b api.PlacementRow) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Node, b.Node))
	})
	if !found {
		return slices.Insert(sums, at, row)
	}
	sums[at].Actors += row.Actors
	sums[at].Orphaned += row.Orphaned
	return sums
}

// settled splits sums into those that are complete and those that later pages, which begin in the namespace that is
// open, may add to; with none open, all are complete.
func (f *placementFlags) settled(sums []api.PlacementRow, open string) (done, rest []api.PlacementRow) {
	switch {
	case open == "":
		return sums, nil
	case f.by == byNode:
		return nil, sums
	}
	at := slices.IndexFunc(sums, func(r api.PlacementRow) bool { return r.Namespace == open })
	if at < 0 {
		return sums, nil
	}
	return slices.Clone(sums[:at]), slices.Clone(sums[at:])
}

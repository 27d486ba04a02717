// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// nodeDetail is all that is known of a node.
type nodeDetail struct {
	api.NodeRow
	AgeMillis     int64  `json:"age_ms"`
	TTLLeftMillis int64  `json:"ttl_left_ms"`
	Beat          uint64 `json:"beat"`
	Revocations   uint64 `json:"revocations"`
	// Job is the latest, nil if there was none or the node does not say.
	Job *api.BulkStatus `json:"job"`
}

var nodeDetailListing = listing[nodeDetail]{
	name: func(d *nodeDetail) string { return d.Node },
	tall: true,
	fields: append(lift(nodeListing, func(d *nodeDetail) *api.NodeRow { return &d.NodeRow }),
		field[nodeDetail]{key: "age_ms", meaning: "time since the answering node saw its heartbeat, -1 if it " +
			"does not watch it", header: "LAST BEAT", cell: func(d *nodeDetail) string { return millis(d.AgeMillis) }},
		field[nodeDetail]{key: "ttl_left_ms", meaning: "time left on its lease, -1 if that is not known",
			header: "TTL LEFT", cell: func(d *nodeDetail) string { return millis(d.TTLLeftMillis) }},
		field[nodeDetail]{key: "beat", meaning: "number of the last heartbeat", header: "BEAT",
			cell: func(d *nodeDetail) string { return count(d.Beat) }},
		field[nodeDetail]{key: "revocations", meaning: "claims that other nodes have taken from it under its lease",
			header: "REVOCATIONS", cell: func(d *nodeDetail) string { return count(d.Revocations) }},
		field[nodeDetail]{key: "job", meaning: "its latest job of moving actors, as \"node drain\" shows it; null if " +
			"there was none, or it does not answer", header: "JOB", cell: (*nodeDetail).job},
	),
}

// lift returns the fields of rows that are part of others.
func lift[R, Part any](l listing[Part], part func(*R) *Part) []field[R] {
	var lifted []field[R]
	for _, f := range l.fields {
		lifted = append(
			lifted, field[R]{key: f.key, meaning: f.meaning, header: f.header, wide: f.wide, cell: func(r *R) string {
				return f.cell(part(r))
			}})
	}
	return lifted
}

// failuresShown is how many failures of a job a line tells.
const failuresShown = 3

func (d *nodeDetail) job() string {
	b := d.Job
	if b == nil {
		return "-"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s to %s, for %s, %s: %d of %s moved, %d failed, %d left, %s",
		b.Kind, whereto(b.To), b.Why, b.State, b.Moved, human.Counted(b.Total, "actor"), b.Failed, b.Left,
		millis(b.ElapsedMillis))
	for i, f := range b.Failures {
		if i == failuresShown {
			s.WriteString("; ...")
			break
		}
		s.WriteString("; " + f.Actor + ": " + f.Error)
	}
	return s.String()
}

func (k *kelpie) nodeShow() *cobra.Command {
	return listCommand[nodeDetail]{
		use:   "show NODE",
		short: "Show everything known about a node",
		long: "Show everything known about a node: its state, its lease, and its latest job of\n" +
			"moving actors.",
		example: "  kelpie node show node-7600\n  kelpie node show node-7600 -o json --watch",
		args:    cli.Args("NODE"),
		listing: nodeDetailListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]nodeDetail) error) error {
			d, err := detail(ctx, s, args[0])
			if err != nil {
				return err
			}
			return emit([]nodeDetail{*d})
		},
	}.command(k)
}

func detail(ctx context.Context, s *session, name string) (*nodeDetail, error) {
	row, err := nodeNamed(ctx, s, name)
	if err != nil {
		return nil, err
	}
	leases, err := ask[api.Empty, api.LeasesReply](ctx, s, api.MethodLeases, &api.Empty{})
	if err != nil {
		return nil, err
	}
	d := &nodeDetail{NodeRow: *row, AgeMillis: -1, TTLLeftMillis: -1}
	for _, l := range leases.Leases {
		if l.Node == name {
			d.AgeMillis, d.TTLLeftMillis, d.Beat, d.Revocations = l.AgeMillis, l.TTLLeftMillis, l.Beat, l.Revocations
		}
	}
	// One that is no member, or does not answer, has no job that could be told of: the state says so.
	if b, err := jobOf(ctx, s, name); err == nil && b.Job > 0 {
		d.Job = b
	}
	return d, nil
}

// nodeNamed returns a node's row.
func nodeNamed(ctx context.Context, s *session, name string) (*api.NodeRow, error) {
	if err := api.ValidateNodeID(name); err != nil {
		return nil, err
	}
	reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(reply.Nodes, func(r api.NodeRow) bool { return r.Node == name })
	if i < 0 {
		return nil, errNoNode(name)
	}
	return &reply.Nodes[i], nil
}

// nodesExist fails with CodeNotFound if there is no node of one of the names; "" names none.
func nodesExist(ctx context.Context, s *session, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if _, err := nodeNamed(ctx, s, name); err != nil {
			return err
		}
	}
	return nil
}

func errNoNode(name string) error {
	return api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", name)
}

func (k *kelpie) nodeRemove() *cobra.Command {
	var c connection
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NODE",
		Short: "Forget a node that has left or failed",
		Long: `Forget a node that has left or failed for good, so that it is no longer listed.
The command refuses a node that is alive. If the node comes back, it joins as if
for the first time.`,
		Example: "  kelpie node rm node-7601",
		Args:    cli.Args("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := api.ValidateNodeID(args[0]); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if !yes {
				if err := absent(nodesExist(cmd.Context(), s, args[0])); err != nil {
					return err
				}
			}
			if err := k.confirm(yes, fmt.Sprintf("Forget node %s?", args[0])); err != nil {
				return err
			}
			reply, err := order[api.NodeRemoveRequest, api.NodeRemoveReply](cmd.Context(), s, api.MethodNodeRemove,
				&api.NodeRemoveRequest{Node: args[0]})
			if err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "node %s forgotten\n", reply.Node)
			return err
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	return cmd
}

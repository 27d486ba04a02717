// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) nodeDrain() *cobra.Command {
	var j job
	var to string
	var rate float64
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move all actors of a node to others, and have it take no more",
		Long: `Have a node take no more actors, and move those that it has to other nodes: the one named by --to, or wherever placement puts each. No
call fails by that. The node does it by itself, and goes on if this command is interrupted. It stays in the cluster, and takes calls for
actors elsewhere, until it is stopped, or takes actors again by "kelpie node undrain". A node that is started again is not
draining.

A node that is stopped by SIGTERM drains by itself: see --drain-timeout of "kelpie node start".

` + jobListing.help(),
		Example: "  kelpie node drain node-7600\n  kelpie node drain node-7600 --rate 500 --timeout 10m --yes",
		Args:    host.Args("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkDrain(args[0], to, rate); err != nil {
				return err
			}
			s, err := j.open()
			if err != nil {
				return err
			}
			defer s.close()
			row, err := nodeNamed(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			where := cmp.Or(to, "other nodes")
			if err := k.confirm(j.yes, fmt.Sprintf("Drain node %s? Its %d actors move to %s, and it takes no more.", row.Node, row.Actors, where)); err != nil {
				return err
			}
			req := api.BulkRequest{Node: args[0], Kind: api.BulkDrain, To: to, Rate: rate}
			if cmd.Flags().Changed("timeout") {
				req.TimeoutMillis = max(j.timeout.Milliseconds(), 1)
			}
			return k.startJob(cmd.Context(), s, &j, req)
		},
	}
	j.register(cmd)
	cmd.Flags().StringVar(&to, "to", "", "node to move the actors to (default wherever placement puts each)")
	cmd.Flags().Lookup("timeout").Usage = "how long to wait for an answer and, if it is given, how long the node may take before it gives up what is left"
	registerRate(cmd, &rate)
	return cmd
}

func checkDrain(node, to string, rate float64) error {
	for _, name := range []string{node, to} {
		if name != "" {
			if err := api.ValidateNodeID(name); err != nil {
				return err
			}
		}
	}
	if node == to {
		return api.Errorf(api.CodeInvalidArgument, "--to %s is the node that is to be drained: name another one", to)
	}
	return checkRate(rate)
}

// nodeNamed returns the row of a node.
func nodeNamed(ctx context.Context, s *session, name string) (api.NodeRow, error) {
	reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return api.NodeRow{}, err
	}
	i := slices.IndexFunc(reply.Nodes, func(r api.NodeRow) bool { return r.Node == name })
	if i < 0 {
		return api.NodeRow{}, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", name)
	}
	return reply.Nodes[i], nil
}

func (k *kelpie) nodeUndrain() *cobra.Command {
	return jobCommand(k, "undrain NODE", "Have a node take actors again", `Have a node that is draining take actors again, and end the job by which it moves actors, if there is one. Moves that have begun are
finished first. Actors that have moved stay where they are: see "kelpie cluster rebalance".`,
		func(ctx context.Context, s *session, node string) (*api.BulkStatus, error) {
			return order[api.BulkCancelRequest, api.BulkStatus](ctx, s, api.MethodBulkCancel, &api.BulkCancelRequest{Node: node})
		})
}

func (k *kelpie) nodeShow() *cobra.Command {
	return jobCommand(k, "show NODE", "Show how the moving of a node's actors goes", `Show the state of a node that is a member, and how its latest job goes, or went, by which it moves actors: a drain, its share of a
rebalance, or what "kelpie actors migrate --all" has asked for. For all else that is known of nodes see "kelpie node ls -o wide".`,
		func(ctx context.Context, s *session, node string) (*api.BulkStatus, error) {
			return ask[api.BulkStatusRequest, api.BulkStatus](ctx, s, api.MethodBulkStatus, &api.BulkStatusRequest{Node: node})
		})
}

// jobCommand is a command that names a node and prints how its job stands.
func jobCommand(k *kelpie, use, short, long string, f func(ctx context.Context, s *session, node string) (*api.BulkStatus, error)) *cobra.Command {
	return listCommand[api.BulkStatus]{
		use: use, short: short, long: long,
		args:    host.Args("NODE"),
		listing: jobListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]api.BulkStatus) error) error {
			if err := api.ValidateNodeID(args[0]); err != nil {
				return err
			}
			status, err := f(ctx, s, args[0])
			if err != nil {
				return err
			}
			return emit([]api.BulkStatus{*status})
		},
	}.command(k)
}

func (k *kelpie) nodeRemove() *cobra.Command {
	var c connection
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NODE",
		Short: "Forget a node that has left or failed",
		Long: `Forget a node that has left or failed, so that it is listed no more. One that is alive is refused. Its actors lose nothing: those that
nobody has called since are taken by others when they are called.`,
		Example: "  kelpie node rm node-7600",
		Args:    host.Args("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := api.ValidateNodeID(args[0]); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			row, err := nodeNamed(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			if err := k.confirm(yes, fmt.Sprintf("Forget node %s at %s, which is %s?", row.Node, row.Address, row.State)); err != nil {
				return err
			}
			reply, err := order[api.NodeRemoveRequest, api.NodeRemoveReply](cmd.Context(), s, api.MethodNodeRemove, &api.NodeRemoveRequest{Node: args[0]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(k.Stdout, "node %s removed\n", reply.Node)
			return err
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	return cmd
}

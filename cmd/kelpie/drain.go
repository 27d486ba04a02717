// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) nodeDrain() *cobra.Command {
	c := connection{timeout: timeoutDefault}
	var o output
	var f jobFlags
	var to string
	var within time.Duration
	var wait bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move all actors of a node to other nodes",
		Long: `Move all actors of a node to other nodes. The node accepts no more actors until
"node undrain" or its restart. It keeps running and serving: calls to its actors
do not fail, and it forwards calls for actors that have moved.

The node does the work, and the command follows it. You can interrupt it; rerun
the command to reattach. The exit code is 0 if the node ends up empty. Actors
that no other node accepts stay: the command says how many and why, and ends
with exit code 3. With --wait, it waits for a node that accepts them. A node that
is stopped by SIGTERM drains first: see --drain-timeout of "node start".

` + jobListing.help(),
		Example: "  kelpie node drain node-7600\n  kelpie node drain node-7600 --rate 200/s --timeout 10m --yes",
		Args:    cli.Args("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &api.BulkRequest{Node: args[0], Kind: api.BulkDrain, To: to, Rate: float64(f.rate),
				TimeoutMillis: within.Milliseconds(), Wait: wait}
			if err := validateDrain(req); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			exists := func() error { return nodesExist(cmd.Context(), s, req.Node, req.To) }
			if err := k.askableAbout(f.yes, exists); err != nil {
				return err
			}
			return k.drain(cmd.Context(), s, &o, &f, req)
		},
	}
	c.registerAddr(cmd.Flags())
	o.register(cmd)
	f.register(cmd)
	cmd.Flags().StringVar(&to, "to", "", "node to move to (default placement chooses)")
	cmd.Flags().DurationVar(&within, "timeout", 0, "when to give up the rest, 0 for never")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for a node that accepts the rest, if no node does now")
	return cmd
}

func validateDrain(req *api.BulkRequest) error {
	if err := api.ValidateNodeID(req.Node); err != nil {
		return err
	}
	switch {
	case req.To == req.Node:
		return api.Errorf(api.CodeInvalidArgument, "--to %s is the node that has the actors; name another node", req.To)
	case req.To != "":
		if err := api.ValidateNodeID(req.To); err != nil {
			return err
		}
	}
	if req.TimeoutMillis < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--timeout %v: must not be negative; 0 means never give up",
			time.Duration(req.TimeoutMillis)*time.Millisecond)
	}
	return nil
}

func (k *kelpie) drain(ctx context.Context, s *session, o *output, f *jobFlags, req *api.BulkRequest) error {
	is, err := jobOf(ctx, s, req.Node)
	if err != nil {
		return err
	}
	j := &job{cancel: "kelpie node undrain " + req.Node}
	if running(*is) && is.Kind == api.BulkDrain {
		human.Fprintf(k.Stderr, "node %s is already draining, for %s, to %s\n", req.Node, is.Why, whereto(is.To))
		j.nodes = []api.BulkStatus{*is}
		return k.begun(ctx, s, o, f, j)
	}
	req.DryRun = true
	if is, err = order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, req); err != nil {
		return err
	}
	if err := k.confirm(f.yes, fmt.Sprintf("Node %s has %s. They move to %s, and the node accepts no more until "+
		"you undrain or restart it. Drain it?",
		req.Node, human.Counted(is.Total, "actor"), whereto(req.To))); err != nil {
		return err
	}
	req.DryRun = false
	if is, err = order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, req); err != nil {
		return err
	}
	j.nodes = []api.BulkStatus{*is}
	return k.begun(ctx, s, o, f, j)
}

func (k *kelpie) nodeUndrain() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "undrain NODE",
		Short: "Let a node accept actors again",
		Long: `End the drain of a node. Actors that have moved stay where they are, and the
node accepts actors again. To bring some back, see "cluster rebalance".`,
		Example: "  kelpie node undrain node-7600",
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
			is, err := cancelJob(cmd.Context(), s, args[0], api.BulkDrain)
			if err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "node %s is %s and accepts actors\n", is.Node, is.NodeState)
			return err
		},
	}
	c.register(cmd.Flags())
	return cmd
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) leases() *cobra.Command {
	return group("leases", "List leases, break them", `Every node holds one lease, kept by heartbeats; all the actors that it owns hang from it. Breaking it
lets other nodes take them over at once.`, k.leaseList(), k.leaseBreak())
}

func (k *kelpie) leaseList() *cobra.Command {
	return listCommand[api.LeaseRow]{
		use:   "ls",
		short: "List the lease of every node",
		long: `List the lease of every node. Ages are as the node that answers sees them, by its own clock; it watches
the heartbeats of some of the others.`,
		args:    host.Args(),
		listing: leaseListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.LeaseRow) error) error {
			reply, err := ask[api.Empty, api.LeasesReply](ctx, s, api.MethodLeases, &api.Empty{})
			if err != nil {
				return err
			}
			return emit(reply.Leases)
		},
	}.command(k)
}

func (k *kelpie) leaseBreak() *cobra.Command {
	var c connection
	var yes bool
	var actor string
	cmd := &cobra.Command{
		Use:   "break NODE | --actor ACTOR",
		Short: "Take a node's lease, or one actor's claim, away",
		Long: `Take the lease of a node away: it drops all its actors, and other nodes can take them over at once. The
node joins again by itself if it still runs. With --actor, take only that actor away from its owner.

Nothing that was acknowledged is lost. Calls that the node is executing fail with "unknown".`,
		Example: "  kelpie leases break node-7600\n  kelpie leases break --actor counter/a --yes",
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (actor != "") || len(args) > 1 {
				return api.Errorf(api.CodeInvalidArgument, "name either one node or, by --actor, one actor")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if actor != "" {
				return k.breakClaim(cmd.Context(), s, actor, yes)
			}
			return k.breakLease(cmd.Context(), s, args[0], yes)
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	cmd.Flags().StringVar(&actor, "actor", "", "the actor to take away from its owner")
	return cmd
}

func (k *kelpie) breakLease(ctx context.Context, s *session, node string, yes bool) error {
	if err := api.ValidateNodeID(node); err != nil {
		return err
	}
	if err := k.confirm(yes, fmt.Sprintf("Break the lease of node %s? It drops all its actors.", node)); err != nil {
		return err
	}
	reply, err := order[api.LeaseBreakRequest, api.LeaseBreakReply](ctx, s, api.MethodLeaseBreak, &api.LeaseBreakRequest{Node: node})
	if err != nil {
		return err
	}
	if !reply.Broken {
		_, err = fmt.Fprintf(k.Stdout, "node %s holds no lease\n", node)
		return err
	}
	_, err = fmt.Fprintf(k.Stdout, "lease of node %s broken, epoch %d\n", reply.Node, reply.Epoch)
	return err
}

func (k *kelpie) breakClaim(ctx context.Context, s *session, actor string, yes bool) error {
	if _, err := api.ParseActorID(actor); err != nil {
		return err
	}
	if err := k.confirm(yes, fmt.Sprintf("Take actor %s away from its owner?", actor)); err != nil {
		return err
	}
	reply, err := order[api.ClaimBreakRequest, api.ClaimBreakReply](ctx, s, api.MethodClaimBreak, &api.ClaimBreakRequest{Actor: actor})
	if err != nil {
		return err
	}
	if !reply.Broken {
		_, err = fmt.Fprintf(k.Stdout, "nobody owns actor %s\n", actor)
		return err
	}
	_, err = fmt.Fprintf(k.Stdout, "actor %s taken from node %s, token %d\n", reply.Actor, reply.Node, reply.Token)
	return err
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) leases() *cobra.Command {
	return group("leases", "List and break leases",
		`Every node holds one lease, which it keeps by heartbeats. All actors that it
owns depend on it. Breaking a lease lets other nodes take the actors at once.`,
		k.leaseList(), k.leaseShow(), k.leaseBreak())
}

func (k *kelpie) leaseList() *cobra.Command {
	var states []string
	return listCommand[api.LeaseRow]{
		use:   "ls",
		short: "List the lease of every node",
		long: `List the lease of every node. Ages are as the answering node sees them, by its
own clock; it watches the heartbeats of some of the others.`,
		example: "  kelpie leases ls --state suspect,failed\n  kelpie leases ls --sort age_ms:desc -o wide",
		args:    cli.Args(),
		flags:   func(cmd *cobra.Command) { registerStates(cmd, &states, nodeStates) },
		listing: leaseListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.LeaseRow) error) error {
			if err := checkStates(states, nodeStates); err != nil {
				return err
			}
			reply, err := ask[api.Empty, api.LeasesReply](ctx, s, api.MethodLeases, &api.Empty{})
			if err != nil {
				return err
			}
			return emit(
				slices.DeleteFunc(reply.Leases, func(r api.LeaseRow) bool {
					return len(states) > 0 && !slices.Contains(states, r.State)
				}))
		},
	}.command(k)
}

func (k *kelpie) leaseShow() *cobra.Command {
	return listCommand[api.LeaseRow]{
		use:     "show NODE",
		short:   "Show the lease of a node",
		long:    "Show the lease of a node in full, as the answering node sees it.",
		example: "  kelpie leases show node-7600",
		args:    cli.Args("NODE"),
		listing: leaseListing.inFull().asTall(),
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]api.LeaseRow) error) error {
			if err := api.ValidateNodeID(args[0]); err != nil {
				return err
			}
			reply, err := ask[api.Empty, api.LeasesReply](ctx, s, api.MethodLeases, &api.Empty{})
			if err != nil {
				return err
			}
			i := slices.IndexFunc(reply.Leases, func(r api.LeaseRow) bool { return r.Node == args[0] })
			if i < 0 {
				return errNoNode(args[0])
			}
			return emit(reply.Leases[i : i+1])
		},
	}.command(k)
}

func (k *kelpie) leaseBreak() *cobra.Command {
	var c connection
	var f breakFlags
	cmd := &cobra.Command{
		Use:   "break NODE | --actor ACTOR",
		Short: "Take away a node's lease, or one actor's claim",
		Long: `Take a node's lease away. The node drops all its actors, and other nodes can
take them at once. If the node still runs, it rejoins by itself. With --actor,
take only that actor away from its owner.

Use it on a node that hangs, or that you cannot reach to stop it. To move actors
without a failed call, use "node drain" or "actors migrate" instead. Nothing
that was acknowledged is lost. But calls that the node is executing fail with
"unknown", and state that is only in memory is gone. The command shows the
impact, then asks for confirmation.`,
		Example: "  kelpie leases break node-7600 --dry-run\n  kelpie leases break --actor counter/a --yes",
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.actor != "") || len(args) > 1 {
				return api.Errorf(api.CodeInvalidArgument, "name either a node or, with --actor, an actor")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(args); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			exists := func() error {
				if f.actor != "" {
					return wantCalled(cmd.Context(), s, f.actor)
				}
				return nodesExist(cmd.Context(), s, args[0])
			}
			if !f.dryRun {
				if err := k.askableAbout(f.yes, exists); err != nil {
					return err
				}
			}
			if f.actor != "" {
				return k.breakClaim(cmd.Context(), s, &f)
			}
			return k.breakLease(cmd.Context(), s, args[0], &f)
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &f.yes)
	cmd.Flags().StringVar(&f.actor, "actor", "", "the actor to take away from its owner")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would happen, without breaking anything")
	return cmd
}

// breakFlags are those of "leases break".
type breakFlags struct {
	actor       string
	dryRun, yes bool
}

func (f *breakFlags) validate(args []string) error {
	if f.actor != "" {
		_, err := api.ParseActorID(f.actor)
		return err
	}
	return api.ValidateNodeID(args[0])
}

// foretell shows the impact and asks for confirmation. It is false if there is nothing to do.
func (k *kelpie) foretell(f *breakFlags, will, question string) (bool, error) {
	if f.dryRun {
		_, err := human.Fprintf(k.Stdout, "%s; nothing was broken\n", will)
		return false, err
	}
	if !f.yes {
		human.Fprintf(k.Stderr, "%s\n", will)
	}
	return true, k.confirm(f.yes, question)
}

func (k *kelpie) breakLease(ctx context.Context, s *session, node string, f *breakFlags) error {
	if f.dryRun || !f.yes {
		row, err := nodeNamed(ctx, s, node)
		if err != nil {
			return err
		}
		if row.Incarnation == "" {
			_, err = human.Fprintf(k.Stdout, "node %s holds no lease: it is %s\n", node, row.State)
			return err
		}
		will := fmt.Sprintf("node %s, which is %s at %s, would lose its lease, of epoch %d, and drop %s, which "+
			"other nodes take when they are called; if it is alive, it rejoins without them",
			node, row.State, row.Address, row.Epoch, human.Counted(row.Actors, "actor"))
		if ok, err := k.foretell(f, will, fmt.Sprintf("Break the lease of node %s?", node)); !ok || err != nil {
			return err
		}
	}
	reply, err := order[api.LeaseBreakRequest, api.LeaseBreakReply](ctx, s, api.MethodLeaseBreak,
		&api.LeaseBreakRequest{Node: node})
	if err != nil {
		return err
	}
	if !reply.Broken {
		_, err = human.Fprintf(k.Stdout, "node %s holds no lease\n", node)
		return err
	}
	_, err = human.Fprintf(k.Stdout, "lease of node %s broken, epoch %d\n", reply.Node, reply.Epoch)
	return err
}

func (k *kelpie) breakClaim(ctx context.Context, s *session, f *breakFlags) error {
	actor := f.actor
	if f.dryRun || !f.yes {
		row, err := ask[api.ActorGetRequest, api.ActorRow](ctx, s, api.MethodActorGet,
			&api.ActorGetRequest{Actor: actor})
		if err != nil {
			return err
		}
		if row.State == api.ActorUnknown {
			return errNeverCalled(ctx, s, actor)
		}
		if row.Node == "" {
			_, err = human.Fprintf(k.Stdout, "actor %s has no owner\n", actor)
			return err
		}
		will := fmt.Sprintf("node %s would lose actor %s, which it owns under token %d since %s (%s); any node "+
			"can then take it, under a higher token",
			row.Node, actor, row.Token, row.Since, row.State)
		if ok, err := k.foretell(f, will, fmt.Sprintf("Take actor %s away from node %s?", actor, row.Node)); !ok ||
			err != nil {
			return err
		}
	}
	reply, err := order[api.ClaimBreakRequest, api.ClaimBreakReply](ctx, s, api.MethodClaimBreak,
		&api.ClaimBreakRequest{Actor: actor})
	if err != nil {
		return err
	}
	if !reply.Broken {
		if err := wantCalled(ctx, s, actor); err != nil {
			return err
		}
		_, err = human.Fprintf(k.Stdout, "actor %s has no owner\n", actor)
		return err
	}
	_, err = human.Fprintf(k.Stdout, "actor %s taken from node %s, token %d\n", reply.Actor, reply.Node, reply.Token)
	return err
}

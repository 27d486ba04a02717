// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) actorEvict() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "evict ACTOR",
		Short: "Deactivate an actor",
		Long: `Deactivate an actor now, as if it had been idle. Its node finishes what is
running, commits it, and releases the claim. The next call, or one that is
already waiting, activates the actor again where placement puts it. Nothing that
is stored is lost. A volatile actor loses its state.`,
		Example: "  kelpie actors evict counter/a",
		Args:    cli.Args("ACTOR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := api.ParseActorID(args[0]); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			reply, err := order[api.ActorEvictRequest, api.ActorEvictReply](cmd.Context(), s, api.MethodActorEvict,
				&api.ActorEvictRequest{Actor: args[0]})
			if err != nil {
				return err
			}
			if !reply.Evicted {
				if err := wantCalled(cmd.Context(), s, args[0]); err != nil {
					return err
				}
				_, err = human.Fprintf(k.Stdout, "actor %s is not active on any node\n", reply.Actor)
				return err
			}
			_, err = human.Fprintf(k.Stdout, "actor %s deactivated on node %s\n", reply.Actor, reply.Node)
			return err
		},
	}
	c.register(cmd.Flags())
	return cmd
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) quarantine() *cobra.Command {
	return group("quarantine", "List actors that ended the processes of nodes, and release them",
		`An actor's code can end the process of its node: by a stack overflow, by
os.Exit, by exhausting memory. Its calls would then go to the next node, and so
on. An actor whose code was running when the processes of three nodes ended is
quarantined. All nodes refuse its calls until you clear the quarantine, or a
node runs another version of the program. After two such ends the last running
node of a cluster refuses the actor already, until another node is up.`,
		k.quarantineList(), k.quarantineClear())
}

func (k *kelpie) quarantineList() *cobra.Command {
	var req api.QuarantinesRequest
	return listCommand[api.QuarantineRow]{
		use:     "ls",
		short:   "List quarantined actors",
		long:    "List quarantined actors, in order of name.",
		example: "  kelpie actors quarantine ls\n  kelpie actors quarantine ls --namespace cart -o wide",
		args:    cli.Args(),
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&req.Namespace, "namespace", "", "only actors of this namespace")
		},
		listing: quarantineListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.QuarantineRow) error) error {
			if req.Namespace != "" {
				if err := api.ValidateNamespace(req.Namespace); err != nil {
					return err
				}
			}
			return eachQuarantinePage(ctx, s, req, emit)
		},
	}.command(k)
}

// eachQuarantinePage gives the quarantined actors that req selects to emit, as many as the session wants.
func eachQuarantinePage(ctx context.Context, s *session, req api.QuarantinesRequest,
	emit func([]api.QuarantineRow) error) error {
	return eachPage(s.limit, emit, func(limit int) ([]api.QuarantineRow, bool, error) {
		req.Limit = limit
		reply, err := ask[api.QuarantinesRequest, api.QuarantinesReply](ctx, s, api.MethodQuarantines, &req)
		if err != nil {
			return nil, false, err
		}
		req.After = reply.Next
		return reply.Quarantines, reply.Next != "", nil
	})
}

func (k *kelpie) quarantineClear() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "clear ACTOR...",
		Short: "Release actors from quarantine",
		Long: `Release actors from quarantine. First fix what ended the nodes: an actor that
still ends its node takes up to three with it before it is quarantined again.`,
		Example: "  kelpie actors quarantine clear cart/alice\n  kelpie actors quarantine ls -o name | xargs kelpie " +
			"actors quarantine clear",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return api.Errorf(api.CodeInvalidArgument, "name at least one actor")
			}
			for _, actor := range args {
				if _, err := api.ParseActorID(actor); err != nil {
					return err
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			for _, actor := range args {
				if _, err := order[api.QuarantineRequest, api.QuarantineReply](cmd.Context(), s,
					api.MethodQuarantineClear, &api.QuarantineRequest{Actor: actor}); err != nil {
					return err
				}
				if _, err := human.Fprintf(k.Stdout, "actor %s is no longer quarantined\n", actor); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.register(cmd.Flags())
	return cmd
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) actors() *cobra.Command {
	return group("actors", "List actors, call them, move them, delete their state", `An actor is written NAMESPACE/ID, such as counter/a. A namespace has 1 to 128 letters, digits, dots, hyphens and
underscores, beginning with a letter or digit; an id 1 to 256 printable ASCII characters other than space. Every
actor of a namespace exists: the first call makes it active on some node.`,
		k.actorList(), k.actorGet(), k.actorCall(), k.actorMigrate(), k.actorRemove(), k.deadLetters())
}

func (k *kelpie) actorList() *cobra.Command {
	var req api.ActorsRequest
	var limit int
	return listCommand[api.ActorRow]{
		use:   "ls",
		short: "List actors and their owners",
		long: `List the actors that were called at least once and are owned by a node, in order of namespace and id. They are printed as they are
read, a page at a time: a cluster that changes meanwhile may show an actor as it was before or after.`,
		args: host.Args(),
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&req.Namespace, "namespace", "", "only actors of this namespace")
			cmd.Flags().StringVar(&req.Node, "node", "", "only actors that this node owns")
			cmd.Flags().IntVar(&limit, "limit", 0, "greatest number of actors to list, 0 for no limit")
			cmd.Flags().BoolVar(&req.All, "all", false, "also actors that nobody owns")
		},
		listing: actorListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.ActorRow) error) error {
			if err := validateActors(&req, limit); err != nil {
				return err
			}
			return eachActorPage(ctx, s, req, limit, emit)
		},
	}.command(k)
}

func validateActors(req *api.ActorsRequest, limit int) error {
	if limit < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", limit)
	}
	if req.Namespace != "" {
		if err := api.ValidateNamespace(req.Namespace); err != nil {
			return err
		}
	}
	if req.Node != "" {
		return api.ValidateNodeID(req.Node)
	}
	return nil
}

// eachActorPage gives the actors that req selects to emit, up to limit of them unless that is 0.
func eachActorPage(ctx context.Context, s *session, req api.ActorsRequest, limit int, emit func([]api.ActorRow) error) error {
	for left := limit; ; {
		req.Limit = left // 0, or too many, is a full page
		reply, err := ask[api.ActorsRequest, api.ActorsReply](ctx, s, api.MethodActors, &req)
		if err != nil {
			return err
		}
		page := reply.Actors
		if limit > 0 {
			page = page[:min(left, len(page))]
			left -= len(page)
		}
		if len(page) > 0 {
			if err := emit(page); err != nil {
				return err
			}
		}
		if reply.Next == "" || limit > 0 && left == 0 {
			return nil
		}
		req.After = reply.Next
	}
}

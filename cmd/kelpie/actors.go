// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) actors() *cobra.Command {
	return group("actors", "List, call, move and delete actors",
		`An actor is written NAMESPACE/ID, such as counter/a. A namespace has 1 to 128
letters, digits, dots, hyphens and underscores, and begins with a letter or
digit. An id has 1 to 256 printable ASCII characters other than space. Every
actor of a namespace exists: the first call activates it on some node.`,
		k.actorList(), k.actorGet(), k.actorDescribe(), k.actorCall(), k.actorMigrate(), k.actorEvict(),
		k.actorRemove(), k.actorWatch(), k.deadLetters(), k.quarantine())
}

func (k *kelpie) actorList() *cobra.Command {
	var f actorFilter
	return listCommand[api.ActorRow]{
		use:   "ls",
		short: "List actors and their owners",
		long: `List the actors that were called at least once and have an owner, in order of
namespace and id. The list is printed page by page as it is read. An actor that
changes meanwhile may be shown as it was before or after.`,
		example: `  kelpie actors ls --namespace counter
  kelpie actors ls --node node-7600 --state orphaned -o name
  kelpie actors ls --namespace user --prefix eu- --limit 10
  kelpie actors ls --sort since:desc`,
		args:    cli.Args(),
		flags:   func(cmd *cobra.Command) { f.register(cmd) },
		listing: actorListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.ActorRow) error) error {
			if err := f.validate(); err != nil {
				return err
			}
			return eachActorPage(ctx, s, f.ActorsRequest, emit)
		},
	}.command(k)
}

// actorFilter is the flags that select actors. The nodes apply them.
type actorFilter struct{ api.ActorsRequest }

func (f *actorFilter) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Namespace, "namespace", "", "only actors of this namespace")
	flags.StringVar(&f.Node, "node", "", "only actors that this node owns")
	flags.StringVar(&f.Prefix, "prefix", "", "only actors whose ids begin with this; with --namespace, only "+
		"these are read")
	flags.BoolVar(&f.All, "all", false, "include actors without an owner")
	registerStates(cmd, &f.States, api.ActorStates())
}

func (f *actorFilter) validate() error {
	if err := checkStates(f.States, api.ActorStates()); err != nil {
		return err
	}
	if f.Namespace != "" {
		if err := api.ValidateNamespace(f.Namespace); err != nil {
			return err
		}
	}
	if f.Node != "" {
		return api.ValidateNodeID(f.Node)
	}
	return nil
}

// eachActorPage gives the actors that req selects to emit, as many as the session wants.
func eachActorPage(ctx context.Context, s *session, req api.ActorsRequest, emit func([]api.ActorRow) error) error {
	return eachPage(s.limit, emit, func(limit int) ([]api.ActorRow, bool, error) {
		req.Limit = limit
		reply, err := ask[api.ActorsRequest, api.ActorsReply](ctx, s, api.MethodActors, &req)
		if err != nil {
			return nil, false, err
		}
		req.After = reply.Next
		return reply.Actors, reply.Next != "", nil
	})
}

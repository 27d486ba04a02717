// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) namespaces() *cobra.Command {
	return group("namespaces", "List namespaces and change their settings",
		`A namespace has settings that are the same on all nodes. They start as the
actors' program declares them, and you can change them while the cluster runs.`, k.namespaceList(), k.namespaceShow(),
		k.namespaceSet())
}

func (k *kelpie) namespaceList() *cobra.Command {
	return listCommand[api.NamespaceRow]{
		use:     "ls",
		short:   "List the namespaces that the cluster knows",
		args:    host.Args(),
		long:    "List the namespaces that the cluster knows, with their settings and the nodes that host them.",
		example: "  kelpie namespaces ls\n  kelpie namespaces ls --sort placement -o wide",
		listing: namespaceListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.NamespaceRow) error) error {
			all, err := allNamespaces(ctx, s)
			if err != nil {
				return err
			}
			return emit(all)
		},
	}.command(k)
}

func (k *kelpie) namespaceShow() *cobra.Command {
	return listCommand[api.NamespaceRow]{
		use:     "show NAMESPACE",
		short:   "Show the settings of a namespace",
		args:    host.Args("NAMESPACE"),
		long:    "Show all settings of a namespace, and the nodes that host it.",
		example: "  kelpie namespaces show counter",
		listing: namespaceListing.inFull(),
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]api.NamespaceRow) error) error {
			if err := api.ValidateNamespace(args[0]); err != nil {
				return err
			}
			all, err := allNamespaces(ctx, s)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(r api.NamespaceRow) bool { return r.Namespace == args[0] })
			if i < 0 {
				return api.Errorf(api.CodeNotFound, "no namespace is named %q: the cluster knows a namespace "+
					"once a node that hosts it has joined; see 'kelpie namespaces ls'", args[0])
			}
			return emit(all[i : i+1])
		},
	}.command(k)
}

func allNamespaces(ctx context.Context, s *session) ([]api.NamespaceRow, error) {
	reply, err := ask[api.Empty, api.NamespacesReply](ctx, s, api.MethodNamespaces, &api.Empty{})
	if err != nil {
		return nil, err
	}
	return reply.Namespaces, nil
}

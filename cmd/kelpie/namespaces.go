// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
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
		args:    cli.Args(),
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
	return listCommand[namespaceDetail]{
		use:     "show NAMESPACE",
		short:   "Show a namespace: its settings and methods",
		args:    cli.Args("NAMESPACE"),
		long:    "Show all settings of a namespace, the nodes that host it, and the methods of its actors.",
		example: "  kelpie namespaces show counter",
		listing: namespaceDetailListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]namespaceDetail) error) error {
			if err := api.ValidateNamespace(args[0]); err != nil {
				return err
			}
			row, err := namespaceNamed(ctx, s, args[0])
			if err != nil {
				return err
			}
			methods, err := methodsOf(ctx, s, args[0])
			if err != nil && !undescribed(err) {
				return err
			}
			return emit([]namespaceDetail{{*row, methods}})
		},
	}.command(k)
}

// undescribed reports whether no node could say which methods there are: none that hosts the namespace answers, or
// the one asked is of an earlier version.
func undescribed(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeUnknownNamespace, api.CodeUnknownMethod, api.CodeUnavailable:
		return true
	}
	return false
}

func allNamespaces(ctx context.Context, s *session) ([]api.NamespaceRow, error) {
	reply, err := ask[api.Empty, api.NamespacesReply](ctx, s, api.MethodNamespaces, &api.Empty{})
	if err != nil {
		return nil, err
	}
	return reply.Namespaces, nil
}

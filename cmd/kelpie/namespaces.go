// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) namespaces() *cobra.Command {
	return group("namespaces", "List namespaces", "", listCommand[api.NamespaceRow]{
		use:     "ls",
		short:   "List the namespaces that the cluster knows",
		args:    host.Args(),
		long:    "List the namespaces that the cluster knows, with their settings, and the nodes that host them.",
		listing: namespaceListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.NamespaceRow) error) error {
			reply, err := ask[api.Empty, api.NamespacesReply](ctx, s, api.MethodNamespaces, &api.Empty{})
			if err != nil {
				return err
			}
			return emit(reply.Namespaces)
		},
	}.command(k))
}

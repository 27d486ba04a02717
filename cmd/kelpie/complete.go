// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// completionTimeout is how long a shell waits for names: who has typed a tab would rather have none than wait.
const completionTimeout = time.Second

// completeNode completes an argument that is a node's name, by asking the cluster.
func (k *kelpie) completeNode(c *connection) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return k.nodeNames(cmd, c), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeNodeFlags does the same for flags.
func (k *kelpie) completeNodeFlags(cmd *cobra.Command, c *connection, flags ...string) {
	for _, flag := range flags {
		must(cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return k.nodeNames(cmd, c), cobra.ShellCompDirectiveNoFileComp
		}))
	}
}

// nodeNames returns the names of the nodes, none if the cluster does not answer.
func (k *kelpie) nodeNames(cmd *cobra.Command, c *connection) []cobra.Completion {
	if host.ReadSettings(cmd.Flags(), k.Getenv) != nil {
		return nil
	}
	s, err := c.open()
	if err != nil {
		return nil
	}
	defer s.close()
	s.timeout = min(s.timeout, completionTimeout)
	reply, err := ask[api.Empty, api.NodesReply](cmd.Context(), s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, n := range reply.Nodes {
		names = append(names, cobra.CompletionWithDesc(n.Node, n.State+" at "+n.Address))
	}
	return names
}

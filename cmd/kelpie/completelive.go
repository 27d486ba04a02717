// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// completionTimeout is how long a shell waits for names: who has typed a tab would rather have none than wait.
const completionTimeout = time.Second

// completionActorsMax is how many actors are offered: more than that nobody reads.
const completionActorsMax = 50

// The first argument of commands, as their usage names it.
const (
	argumentActor     = "ACTOR"
	argumentNamespace = "NAMESPACE"
	argumentNode      = "NODE"
)

// argumentMethod is the second argument of some of them.
const argumentMethod = "METHOD"

// completeLive completes nodes, actors and namespaces, by asking the cluster, wherever the usage of a command below
// cmd has them as the first argument, or as the values of flags of those names, or of --from and --to. For other
// arguments, none of which is a file, nothing is offered.
func (k *kelpie) completeLive(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		k.completeLive(c)
	}
	asks := cmd.Flags().Lookup("addr") != nil
	for flag, function := range map[string]cobra.CompletionFunc{
		"actor": k.completeActor, "namespace": k.completeNamespace, "node": k.completeNode, "from": k.completeNode,
		"to": k.completeNode,
	} {
		if _, has := cmd.GetFlagCompletionFunc(flag); asks && cmd.Flags().Lookup(flag) != nil && !has {
			must(cmd.RegisterFlagCompletionFunc(flag, function))
		}
	}
	if cmd.HasSubCommands() || cmd.ValidArgsFunction != nil {
		return
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	switch firstArgument(cmd) {
	case argumentActor:
		cmd.ValidArgsFunction = onlyFirst(k.completeActor)
		if strings.Contains(cmd.Use, argumentMethod) {
			cmd.ValidArgsFunction = k.completeCall
		}
	case argumentNamespace:
		cmd.ValidArgsFunction = onlyFirst(k.completeNamespace)
	case argumentNode:
		cmd.ValidArgsFunction = onlyFirst(k.completeNode)
	}
}

// onlyFirst completes the first argument by function, and those after it by nothing.
func onlyFirst(function cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return function(cmd, args, begun)
	}
}

// completeCall completes an actor and then one of its methods.
func (k *kelpie) completeCall(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return k.completeActor(cmd, args, begun)
	case 1:
		return k.completeMethod(cmd, args)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// firstArgument is what the usage of cmd calls it.
func firstArgument(cmd *cobra.Command) string {
	words := strings.Fields(cmd.Use)
	if len(words) < 2 {
		return ""
	}
	return strings.Trim(words[1], "{[]}.")
}

// completionSession returns a session with the nodes that the flags of cmd name, for a moment, or nil.
func (k *kelpie) completionSession(cmd *cobra.Command) *session {
	if cli.ReadSettings(cmd.Flags(), k.Getenv) != nil {
		return nil
	}
	addrs, err := cmd.Flags().GetStringSlice("addr")
	if err != nil {
		return nil
	}
	s, err := (&connection{addrs: addrs, timeout: completionTimeout}).open()
	if err != nil {
		return nil
	}
	return s
}

// completeNode offers the nodes that the cluster knows.
func (k *kelpie) completeNode(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s := k.completionSession(cmd)
	if s == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close()
	reply, err := ask[api.Empty, api.NodesReply](cmd.Context(), s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, n := range reply.Nodes {
		names = append(names, cobra.CompletionWithDesc(n.Node, n.State+" at "+n.Address))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNamespace offers the namespaces that the cluster knows.
func (k *kelpie) completeNamespace(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	s := k.completionSession(cmd)
	if s == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close()
	return namespaceNames(cmd.Context(), s, begun, ""), cobra.ShellCompDirectiveNoFileComp
}

// namespaceNames returns the names of namespaces that begin with prefix, with a suffix; none if the cluster does not
// answer.
func namespaceNames(ctx context.Context, s *session, prefix, suffix string) []cobra.Completion {
	all, err := allNamespaces(ctx, s)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, n := range all {
		if strings.HasPrefix(n.Namespace, prefix) {
			names = append(names, n.Namespace+suffix)
		}
	}
	return names
}

// completeActor offers namespaces, and actors of one once that has been typed.
func (k *kelpie) completeActor(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	const noSpace = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	s := k.completionSession(cmd)
	if s == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close()
	namespace, id, typed := strings.Cut(begun, "/")
	if !typed {
		return namespaceNames(cmd.Context(), s, begun, "/"), noSpace
	}
	return actorNames(cmd.Context(), s, namespace, id), cobra.ShellCompDirectiveNoFileComp
}

// actorNames returns the first actors whose ids begin in that way; none if the cluster does not answer.
func actorNames(ctx context.Context, s *session, namespace, prefix string) []cobra.Completion {
	req := &api.ActorsRequest{Namespace: namespace, Prefix: prefix, Limit: completionActorsMax, All: true}
	reply, err := ask[api.ActorsRequest, api.ActorsReply](ctx, s, api.MethodActors, req)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, row := range reply.Actors {
		names = append(names, cobra.CompletionWithDesc(row.Actor, strings.TrimSpace(row.State+" "+row.Node)))
	}
	return names
}

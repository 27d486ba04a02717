// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// methodRow is a method of a kind.
type methodRow struct {
	Method  string          `json:"method"`
	Access  string          `json:"access"`
	Request json.RawMessage `json:"request"`
	Reply   json.RawMessage `json:"reply"`
}

// What a method does to the state of its actor.
const (
	accessReads  = "reads"
	accessWrites = "writes"
)

var methodListing = listing[methodRow]{
	name: func(r *methodRow) string { return r.Method },
	fields: []field[methodRow]{
		{key: "method", meaning: "name of the method", header: "METHOD",
			cell: func(r *methodRow) string { return r.Method }},
		{key: "access", meaning: "whether it reads or writes the state of its actor", header: "ACCESS",
			cell: func(r *methodRow) string { return r.Access }},
		{key: "request", meaning: "JSON schema of what it takes", header: "REQUEST",
			cell: func(r *methodRow) string { return outline(r.Request) }},
		{key: "reply", meaning: "JSON schema of what it answers", header: "REPLY",
			cell: func(r *methodRow) string { return outline(r.Reply) }},
	},
}

func (k *kelpie) actorDescribe() *cobra.Command {
	return listCommand[methodRow]{
		use:   "describe ACTOR",
		short: "List the methods of an actor",
		args:  cli.Args("ACTOR"),
		long: `List the methods of an actor: whether each reads or writes, what it takes, and
what it answers. A namespace, such as counter, stands for any of its actors.
-o json has the JSON schemas. The methods are those of the program of one node
that hosts the namespace.`,
		example: "  kelpie actors describe counter/a\n  kelpie actors describe counter -o json",
		listing: methodListing,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]methodRow) error) error {
			namespace, id, whole := strings.Cut(args[0], "/")
			if whole {
				if err := (api.ActorID{Namespace: namespace, ID: id}).Validate(); err != nil {
					return err
				}
			}
			rows, err := methodsOf(ctx, s, namespace)
			if err != nil {
				return err
			}
			return emit(rows)
		},
	}.command(k)
}

// methodsOf asks the cluster for the methods of a namespace, in order of name.
func methodsOf(ctx context.Context, s *session, namespace string) ([]methodRow, error) {
	reply, err := ask[api.DescribeRequest, api.DescribeReply](ctx, s, api.MethodDescribe,
		&api.DescribeRequest{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	rows := make([]methodRow, len(reply.Methods))
	for i, m := range reply.Methods {
		rows[i] = methodRow{Method: m.Method, Access: accessWrites, Request: m.Request, Reply: m.Reply}
		if m.Reads {
			rows[i].Access = accessReads
		}
	}
	return rows, nil
}

// outlineDepthMax is how many schemas inside one another an outline shows.
const outlineDepthMax = 3

// outline is a JSON schema in a few words: {count: integer, name: string}.
func outline(schema json.RawMessage) string { return outlineOf(schema, outlineDepthMax) }

func outlineOf(schema json.RawMessage, depth int) string {
	var s struct {
		Type       string                     `json:"type"`
		Format     string                     `json:"format"`
		Items      json.RawMessage            `json:"items"`
		Properties map[string]json.RawMessage `json:"properties"`
		Values     json.RawMessage            `json:"additionalProperties"`
		Ref        string                     `json:"$ref"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return "any"
	}
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/$defs/")
	case depth == 0 && (s.Items != nil || s.Properties != nil || s.Values != nil):
		return "..."
	case s.Items != nil:
		return "[" + outlineOf(s.Items, depth-1) + "]"
	case s.Values != nil:
		return "{*: " + outlineOf(s.Values, depth-1) + "}"
	case s.Properties != nil:
		fields := slices.Sorted(maps.Keys(s.Properties))
		for i, name := range fields {
			fields[i] = name + ": " + outlineOf(s.Properties[name], depth-1)
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case s.Type == "object":
		return "none"
	case s.Format != "":
		return s.Format
	case s.Type == "":
		return "any"
	}
	return s.Type
}

// namespaceDetail is a namespace with its methods.
type namespaceDetail struct {
	api.NamespaceRow
	Methods []methodRow `json:"methods"`
}

var namespaceDetailListing = listing[namespaceDetail]{
	name: func(d *namespaceDetail) string { return d.Namespace },
	tall: true,
	fields: append(lift(namespaceListing, func(d *namespaceDetail) *api.NamespaceRow { return &d.NamespaceRow }),
		field[namespaceDetail]{key: "methods", meaning: "the methods of its actors, as actors describe lists them; " +
			"empty if no node that hosts it answers", header: "METHODS", cell: (*namespaceDetail).methods},
	),
}

// methods are the methods by what they do.
func (d *namespaceDetail) methods() string {
	var parts []string
	for _, access := range []string{accessReads, accessWrites} {
		var names []string
		for _, m := range d.Methods {
			if m.Access == access {
				names = append(names, m.Method)
			}
		}
		if len(names) > 0 {
			parts = append(parts, access+" "+strings.Join(names, ", "))
		}
	}
	return dash(strings.Join(parts, "; "))
}

// completeMethod offers the methods of the actor that has been typed.
func (k *kelpie) completeMethod(cmd *cobra.Command, args []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s := k.completionSession(cmd)
	if s == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close()
	namespace, _, _ := strings.Cut(args[0], "/")
	rows, err := methodsOf(cmd.Context(), s, namespace)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, r := range rows {
		names = append(names, cobra.CompletionWithDesc(r.Method, r.Access+" "+outline(r.Request)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

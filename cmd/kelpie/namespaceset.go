// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// placements are the strategies of placement, with what each does. The nodes know the same.
var placements = []struct{ name, meaning string }{
	{"least-loaded", "of two random nodes, the one with fewer active actors; the default"},
	{"random", "any node"},
	{"round-robin", "one node after the other"},
	{"affinity", "a node that --prefer names; if none has room, as --fallback says"},
	{"local-first", "the node that received the call; if it has no room, as --fallback says"},
	{"rendezvous", "by a hash of the actor's name: the same node each time, for as long as it stays"},
	{"spread", "a similar number of actors in each zone, then the less loaded node there"},
}

// consistencies are how reads are answered.
var consistencies = []string{string(actor.Linearizable), string(actor.Stale)}

// namespaceChange is a row that "namespaces set" prints: one setting that changes.
type namespaceChange struct {
	Namespace string `json:"namespace"`
	Setting   string `json:"setting"`
	Before    string `json:"before"`
	After     string `json:"after"`
	DryRun    bool   `json:"dry_run"`
}

// namespaceFlags are the settings that "namespaces set" changes.
type namespaceFlags struct {
	placement, prefer, fallback string
	consistency                 string
	idleTimeout                 time.Duration
	dryRun                      bool
}

func (f *namespaceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.placement, "placement", "", "how to choose a node for an actor without an owner, one of "+
		"those above")
	flags.StringVar(&f.prefer, "prefer", "", "which nodes placement affinity prefers: node=NAME, zone=NAME or, for a "+
		"label, KEY=VALUE")
	flags.StringVar(&f.fallback, "fallback", "", "the placement when affinity or local-first find no room "+
		"(default least-loaded)")
	flags.DurationVar(&f.idleTimeout, "idle-timeout", 0, "how long an actor stays active without calls, at least 100ms")
	flags.StringVar(&f.consistency, "consistency", "", "how reads are answered, one of those above")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would change, without changing it")
	names := make([]cobra.Completion, len(placements))
	for i, p := range placements {
		names[i] = cobra.CompletionWithDesc(p.name, p.meaning)
	}
	must(cmd.RegisterFlagCompletionFunc("consistency",
		cobra.FixedCompletions(consistencies, cobra.ShellCompDirectiveNoFileComp)))
	for _, flag := range []string{"placement", "fallback"} {
		must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// request returns what the flags that were given ask for. Errors are CodeInvalidArgument.
func (f *namespaceFlags) request(namespace string, flags *pflag.FlagSet) (*api.NamespaceSetRequest, error) {
	req := &api.NamespaceSetRequest{Namespace: namespace, DryRun: f.dryRun}
	for flag, to := range map[string]struct {
		field **string
		value *string
	}{
		"placement": {&req.Placement, &f.placement}, "prefer": {&req.Prefer, &f.prefer}, "fallback": {
			&req.Fallback, &f.fallback},
		"consistency": {&req.Consistency, &f.consistency},
	} {
		if flags.Changed(flag) {
			*to.field = to.value
		}
	}
	if flags.Changed("idle-timeout") {
		millis := f.idleTimeout.Milliseconds()
		req.IdleTimeoutMillis = &millis
	}
	if err := api.ValidateNamespace(namespace); err != nil {
		return nil, err
	}
	if req.Placement == nil && req.Prefer == nil && req.Fallback == nil && req.IdleTimeoutMillis == nil &&
		req.Consistency == nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "pass what to set: --placement, --prefer, --fallback, "+
			"--idle-timeout or --consistency")
	}
	return req, f.validate(req)
}

// validate checks what can be checked without asking anybody.
func (f *namespaceFlags) validate(req *api.NamespaceSetRequest) error {
	if req.Placement != nil {
		if err := checkPlacement("--placement", f.placement); err != nil {
			return err
		}
	}
	if req.Fallback != nil {
		if err := checkPlacement("--fallback", f.fallback); err != nil {
			return err
		}
	}
	if req.Consistency != nil && !slices.Contains(consistencies, f.consistency) {
		return api.Errorf(api.CodeInvalidArgument, "--consistency %q: must be %s", f.consistency,
			strings.Join(consistencies, " or "))
	}
	if req.Prefer != nil {
		return api.ValidatePreference(f.prefer)
	}
	return nil
}

func checkPlacement(flag, name string) error {
	names := make([]string, len(placements))
	for i, p := range placements {
		if p.name == name {
			return nil
		}
		names[i] = p.name
	}
	return api.Errorf(api.CodeInvalidArgument, "%s %q: must be one of %s", flag, name, strings.Join(names, ", "))
}

func (k *kelpie) namespaceSet() *cobra.Command {
	var c connection
	var o output
	var f namespaceFlags
	cmd := &cobra.Command{
		Use:   "set NAMESPACE",
		Short: "Change the settings of a namespace",
		Long:  namespaceSetHelp(),
		Example: `  kelpie namespaces set counter --placement spread
  kelpie namespaces set counter --placement affinity --prefer disk=ssd --fallback spread
  kelpie namespaces set counter --idle-timeout 1m --dry-run
  kelpie namespaces set counter --consistency stale`,
		Args: cli.Args("NAMESPACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(args[0], cmd.Flags())
			if err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			return k.setNamespace(cmd.Context(), s, &o, req)
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	f.register(cmd)
	return cmd
}

func namespaceSetHelp() string {
	var b strings.Builder
	b.WriteString(`Change settings of a namespace while the cluster runs. Settings that you do not
pass stay as they are. Nodes follow within a heartbeat, or within a minute for a
shorter idle timeout. Actors stay where they are until they are deactivated or
moved. The command prints what changes. A placement is one of:
`)
	for _, p := range placements {
		fmt.Fprintf(&b, "\n  %-12s  %s", p.name, p.meaning)
	}
	b.WriteString("\n\n" +
		"All choose among the nodes that host the namespace, are not draining and have room.\n\n" +
		"The consistency of reads is linearizable or stale. For a linearizable read, the\n" +
		"store proves that the answer is current. A stale read is answered from memory;\n" +
		"it may be behind if another node has taken the actor over, and this one has not\n" +
		"noticed.\n\n" + namespaceChangeListing.help())
	return b.String()
}

func (k *kelpie) setNamespace(ctx context.Context, s *session, o *output, req *api.NamespaceSetRequest) error {
	reply, err := order[api.NamespaceSetRequest, api.NamespaceSetReply](ctx, s, api.MethodNamespaceSet, req)
	if err != nil {
		return err
	}
	changes := namespaceChanges(reply, req.DryRun)
	switch {
	case len(changes) == 0:
		human.Fprintf(k.Stderr, "namespace %s already has these settings\n", req.Namespace)
	case req.DryRun:
		human.Fprintf(k.Stderr, "namespace %s would change like this; nothing was changed\n", req.Namespace)
	}
	p := newPrinter(k.Stdout, o.format, k.style(o), namespaceChangeListing, false)
	if err := p.rows(changes); err != nil {
		return err
	}
	return p.end()
}

// namespaceChanges returns the settings that differ.
func namespaceChanges(r *api.NamespaceSetReply, dryRun bool) []namespaceChange {
	b, a := &r.Before, &r.After
	var changes []namespaceChange
	for _, c := range []namespaceChange{
		{Setting: "placement", Before: b.Placement, After: a.Placement},
		{Setting: "prefer", Before: b.Prefer, After: a.Prefer},
		{Setting: "fallback", Before: b.Fallback, After: a.Fallback},
		{Setting: "consistency", Before: b.Consistency, After: a.Consistency},
		{Setting: "idle_timeout_ms", Before: fmt.Sprint(b.IdleTimeoutMillis), After: fmt.Sprint(a.IdleTimeoutMillis)},
	} {
		if c.Before != c.After {
			c.Namespace, c.DryRun = a.Namespace, dryRun
			changes = append(changes, c)
		}
	}
	return changes
}

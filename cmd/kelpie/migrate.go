// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
)

var migrationListing = listing[api.MigrateReply]{
	name: func(r *api.MigrateReply) string { return r.Actor },
	fields: []field[api.MigrateReply]{
		{key: "actor", meaning: "the actor, NAMESPACE/ID", header: "ACTOR", cell: func(r *api.MigrateReply) string { return r.Actor }},
		{key: "from", meaning: "where it was", header: "FROM", cell: func(r *api.MigrateReply) string { return r.From }},
		{key: "to", meaning: "where it is", header: "TO", cell: func(r *api.MigrateReply) string { return r.To }},
		{key: "moved", meaning: "false if it was there already", header: "MOVED", cell: func(r *api.MigrateReply) string { return strconv.FormatBool(r.Moved) }},
		{key: "token", meaning: "its fencing token now", header: "TOKEN", cell: func(r *api.MigrateReply) string { return count(r.Token) }},
		{key: "pause_us", meaning: "how long it took no calls, in microseconds", header: "PAUSE", cell: func(r *api.MigrateReply) string {
			return (time.Duration(r.PauseMicros) * time.Microsecond).Round(10 * time.Microsecond).String()
		}},
	},
}

// migration is the flags of "actors migrate".
type migration struct {
	job
	to, from, namespace string
	all, force, dryRun  bool
	limit               int
	rate                float64
}

func (k *kelpie) actorMigrate() *cobra.Command {
	var m migration
	cmd := &cobra.Command{
		Use:   "migrate ACTOR [--to NODE] | --from NODE --all [--to NODE]",
		Short: "Move actors to another node",
		Long: `Move an actor that is active to another node, the one named by --to or one that placement chooses. No call fails by that: those that
come meanwhile wait, for milliseconds. An actor that has been moved stays where it is for ten seconds, unless --force is
given. One that is there already is left alone.

With --from and --all, move all actors of a node, or those of a --namespace, or as many as --limit says; those first that were not called
for the longest. The node does that by itself, and goes on if this command is interrupted. The same command again goes on with what
is left. What could not be moved is named, with the reason.

` + migrationListing.help() + `

With --all, a row has these keys instead:

` + jobListing.keys(),
		Example: "  kelpie actors migrate counter/a --to node-7601\n  kelpie actors migrate --from node-7600 --all --namespace counter --rate 100\n  kelpie actors migrate --from node-7600 --all --dry-run",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return api.Errorf(api.CodeInvalidArgument, "name one actor, or all of a node by --from NODE --all")
			case len(args) == 1 && (m.from != "" || m.all):
				return api.Errorf(api.CodeInvalidArgument, "name either an actor, or all of a node by --from NODE --all")
			case len(args) == 0 && (m.from == "" || !m.all):
				return api.Errorf(api.CodeInvalidArgument, "name an actor, such as counter/a, or all of a node by --from NODE --all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.check(args); err != nil {
				return err
			}
			s, err := m.open()
			if err != nil {
				return err
			}
			defer s.close()
			if len(args) == 1 {
				return k.migrateOne(cmd.Context(), s, &m, args[0])
			}
			return k.migrateAll(cmd.Context(), s, &m)
		},
	}
	m.register(cmd)
	cmd.Flags().StringVar(&m.to, "to", "", "node to move to (default one that placement chooses)")
	cmd.Flags().StringVar(&m.from, "from", "", "node whose actors are to move, with --all")
	cmd.Flags().BoolVar(&m.all, "all", false, "move all actors of the node that --from names")
	cmd.Flags().StringVar(&m.namespace, "namespace", "", "with --all, only actors of this namespace")
	cmd.Flags().IntVar(&m.limit, "limit", 0, "with --all, greatest number of actors to move, 0 for no limit")
	cmd.Flags().BoolVar(&m.dryRun, "dry-run", false, "with --all, only count them")
	cmd.Flags().BoolVar(&m.force, "force", false, "also move actors that have only just been moved")
	registerRate(cmd, &m.rate)
	return cmd
}

func (m *migration) check(args []string) error {
	if len(args) == 1 {
		if _, err := api.ParseActorID(args[0]); err != nil {
			return err
		}
		if m.namespace != "" || m.limit != 0 || m.dryRun || m.detach || m.rate != 0 {
			return api.Errorf(api.CodeInvalidArgument, "--namespace, --limit, --rate, --dry-run and --detach go with --from NODE --all")
		}
	}
	for _, node := range []string{m.from, m.to} {
		if node != "" {
			if err := api.ValidateNodeID(node); err != nil {
				return err
			}
		}
	}
	if m.namespace != "" {
		if err := api.ValidateNamespace(m.namespace); err != nil {
			return err
		}
	}
	if m.limit < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", m.limit)
	}
	if m.from != "" && m.from == m.to {
		return api.Errorf(api.CodeInvalidArgument, "--to %s is where the actors are: name another node", m.to)
	}
	return checkRate(m.rate)
}

func (k *kelpie) migrateOne(ctx context.Context, s *session, m *migration, actor string) error {
	reply, err := order[api.MigrateRequest, api.MigrateReply](ctx, s, api.MethodMigrate, &api.MigrateRequest{Actor: actor, To: m.to, Force: m.force})
	if err != nil {
		return err
	}
	p := newPrinter(k.Stdout, m.format, k.style(&m.output), migrationListing, true)
	if err := p.rows([]api.MigrateReply{*reply}); err != nil {
		return err
	}
	return p.end()
}

func (k *kelpie) migrateAll(ctx context.Context, s *session, m *migration) error {
	req := api.BulkRequest{Node: m.from, Kind: api.BulkMigrate, To: m.to, Namespace: m.namespace, Limit: m.limit, Rate: m.rate, Force: m.force, DryRun: true}
	plan, err := order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, &req)
	if err != nil {
		return err
	}
	if m.dryRun {
		return k.printJobs(&m.job, []api.BulkStatus{*plan})
	}
	where := cmp.Or(m.to, "other nodes")
	if err := k.confirm(m.yes, fmt.Sprintf("Move %d actors of node %s to %s?", plan.Total, m.from, where)); err != nil {
		return err
	}
	req.DryRun = false
	return k.startJob(ctx, s, &m.job, req)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// migrateFlags are those of "actors migrate".
type migrateFlags struct {
	jobFlags
	to, from, namespace        string
	all, force, dryRun, cancel bool
	limit                      int
}

// jobOnly are the flags that mean something with --from only.
var jobOnly = []string{"all", "namespace", "limit", "rate", "dry-run", "cancel", "detach", "yes"}

func (k *kelpie) actorMigrate() *cobra.Command {
	var c connection
	var o output
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "migrate {ACTOR | --from NODE --all}",
		Short: "Move actors to other nodes",
		Long: `Move an actor, or many actors of a node, to the node that --to names, or to
where placement chooses. An actor takes its memory along. Its calls wait for a
moment; none fails. An actor that moved less than ten seconds ago stays, unless
you pass --force.

With --from NODE --all, the node itself moves its actors, the least recently
called first, and the command follows it. You can interrupt it; rerun the
command to reattach. Once the job has ended, the same command moves what is
left. The exit code is 0 if all actors were moved.

` + migrateListing.help() + `

With --from, there is one row, with these keys:
` + jobListing.keys(),
		Example: `  kelpie actors migrate counter/a --to node-7601
  kelpie actors migrate --from node-7600 --all --namespace counter --rate 100/s
  kelpie actors migrate --from node-7600 --all --limit 1000 --to node-7601 --yes --detach`,
		Args: func(cmd *cobra.Command, args []string) error { return f.validate(cmd, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if f.from != "" && !f.dryRun && !f.cancel {
				if err := k.askableAbout(f.yes, func() error { return f.exists(cmd.Context(), s) }); err != nil {
					return err
				}
			}
			switch {
			case f.from == "":
				return k.migrateOne(cmd.Context(), s, &o, &f, args[0])
			case f.cancel:
				b, err := cancelJob(cmd.Context(), s, f.from, api.BulkMigrate)
				if err != nil {
					return err
				}
				return k.printJob(&o, *b)
			}
			return k.migrateMany(cmd.Context(), s, &o, &f)
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	f.register(cmd)
	return cmd
}

func (f *migrateFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "node to move to (default placement chooses)")
	flags.StringVar(&f.from, "from", "", "node whose actors are to move")
	flags.BoolVar(&f.all, "all", false, "with --from: all its actors")
	flags.StringVar(&f.namespace, "namespace", "", "with --from: only actors of this namespace")
	flags.IntVar(&f.limit, "limit", 0, "with --from: maximum number of actors to move, 0 for no limit")
	flags.BoolVar(&f.dryRun, "dry-run", false, "with --from: count the actors, without moving any")
	flags.BoolVar(&f.force, "force", false, "also move actors that moved less than ten seconds ago")
	flags.BoolVar(&f.cancel, "cancel", false, "with --from: end the job that the same command started")
	f.jobFlags.register(cmd)
}

// validate checks what can be checked without asking anybody. Errors are CodeInvalidArgument.
func (f *migrateFlags) validate(cmd *cobra.Command, args []string) error {
	if (len(args) == 1) == (f.from != "") || len(args) > 1 {
		return api.Errorf(api.CodeInvalidArgument, "name either an actor or, with --from NODE --all, many")
	}
	if f.to != "" {
		if err := api.ValidateNodeID(f.to); err != nil {
			return err
		}
	}
	if f.from == "" {
		for _, name := range jobOnly {
			if cmd.Flags().Changed(name) {
				return api.Errorf(api.CodeInvalidArgument, "--%s is for --from NODE; leave it out to move one "+
					"actor", name)
			}
		}
		_, err := api.ParseActorID(args[0])
		return err
	}
	if err := api.ValidateNodeID(f.from); err != nil {
		return err
	}
	switch {
	case !f.all && !f.cancel:
		return api.Errorf(api.CodeInvalidArgument, "--from %s: pass --all to move the node's actors; --namespace "+
			"and --limit restrict them", f.from)
	case f.from == f.to:
		return api.Errorf(api.CodeInvalidArgument, "--to %s is the node that has the actors; name another node", f.to)
	case f.limit < 0:
		return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", f.limit)
	case f.namespace != "":
		return api.ValidateNamespace(f.namespace)
	}
	return nil
}

func (k *kelpie) migrateOne(ctx context.Context, s *session, o *output, f *migrateFlags, actor string) error {
	reply, err := order[api.MigrateRequest, api.MigrateReply](ctx, s, api.MethodMigrate,
		&api.MigrateRequest{Actor: actor, To: f.to, Force: f.force})
	if err != nil {
		return orNeverCalled(ctx, s, actor, err)
	}
	p := newPrinter(k.Stdout, o.format, k.style(o), migrateListing, true)
	if err := p.rows([]api.MigrateReply{*reply}); err != nil {
		return err
	}
	return p.end()
}

// exists fails with CodeNotFound if a node or the namespace that the flags name is not there.
func (f *migrateFlags) exists(ctx context.Context, s *session) error {
	if err := nodesExist(ctx, s, f.from, f.to); err != nil {
		return err
	}
	if f.namespace == "" {
		return nil
	}
	_, err := namespaceNamed(ctx, s, f.namespace)
	return err
}

func (k *kelpie) migrateMany(ctx context.Context, s *session, o *output, f *migrateFlags) error {
	if f.namespace != "" {
		if _, err := namespaceNamed(ctx, s, f.namespace); err != nil {
			return err
		}
	}
	j := &job{cancel: "kelpie actors migrate --from " + f.from + " --cancel"}
	req := &api.BulkRequest{Node: f.from, Kind: api.BulkMigrate, To: f.to, Namespace: f.namespace, Limit: f.limit,
		Rate: float64(f.rate), Force: f.force}
	is, err := jobOf(ctx, s, f.from)
	if err != nil {
		return err
	}
	if running(*is) && !f.dryRun && sameJob(is, req) {
		human.Fprintf(k.Stderr, "node %s is already doing this, for %s\n", f.from, is.Why)
		j.nodes = []api.BulkStatus{*is}
		return k.begun(ctx, s, o, &f.jobFlags, j)
	}
	req.DryRun = true
	if is, err = order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, req); err != nil {
		return err
	}
	if f.dryRun {
		human.Fprintf(k.Stderr, "%s of node %s would move to %s; none was moved\n", human.Counted(is.Total, "actor"),
			f.from, whereto(f.to))
		return k.printJob(o, *is)
	}
	if is.Total > 0 {
		if err := k.confirm(
			f.yes, fmt.Sprintf("Move %s of node %s to %s?", human.Counted(is.Total, "actor"), f.from,
				whereto(f.to))); err != nil {
			return err
		}
	}
	req.DryRun = false
	if is, err = order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, req); err != nil {
		return err
	}
	j.nodes = []api.BulkStatus{*is}
	return k.begun(ctx, s, o, &f.jobFlags, j)
}

// sameJob reports whether a node is at what a request asks for.
func sameJob(is *api.BulkStatus, req *api.BulkRequest) bool {
	return is.Kind == req.Kind && is.To == req.To && is.Namespace == req.Namespace && is.Limit == req.Limit
}

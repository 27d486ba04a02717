// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// rebalanceFlags are those of "cluster rebalance".
type rebalanceFlags struct {
	jobFlags
	by             string
	dryRun, cancel bool
}

// rebalanceResult is what a rebalance prints: the plan, and what has become of it.
type rebalanceResult struct {
	By    string              `json:"by"`
	Nodes []api.BalanceNode   `json:"nodes"`
	Moves []api.BalanceMove   `json:"moves"`
	Fails []api.BalanceFailed `json:"fails"`
	Jobs  []api.BulkStatus    `json:"jobs"`
}

var rebalanceListing = listing[rebalanceResult]{
	name: func(r *rebalanceResult) string { return r.By },
	fields: []field[rebalanceResult]{
		{key: "by", meaning: "what to balance: actors, load or memory"},
		{key: "nodes",
			meaning: "the nodes that accept actors, each with node, has and gets; a negative number is what it " +
				"gives"},
		{key: "moves", meaning: "what moves where, each with from, to, amount and namespace, empty for any"},
		{key: "fails", meaning: "nodes that did not start, each with node and error"},
		{key: "jobs", meaning: "the jobs of the giving nodes, as \"node drain\" shows them; empty with --dry-run"},
	},
}

// bys are what a rebalance can make equal, with the unit of its numbers.
var bys = []struct{ name, meaning string }{
	{api.ByActors, "active actors"},
	{api.ByLoad, "calls per second"},
	{api.ByMemory, "bytes of memory that actors take"},
}

func (k *kelpie) clusterRebalance() *cobra.Command {
	var c connection
	var o output
	var f rebalanceFlags
	cmd := &cobra.Command{
		Use:   "rebalance",
		Short: "Spread actors evenly over the nodes",
		Long: `Move actors from nodes that carry more to nodes that carry less, until all nodes
that accept actors carry about the same: of actors, of calls per second (load),
or of bytes in memory. No more actors move than necessary. The nodes do the
work, and the command follows them; you can interrupt it. The exit code is 0 if
everything moved.

Actors go only to nodes that host their namespace, have room, and suit its
placement. With affinity, actors stay on the nodes that it prefers; with spread,
in their zone; with rendezvous, where they are.

` + rebalanceListing.help(),
		Example: "  kelpie cluster rebalance --dry-run\n" +
			"  kelpie cluster rebalance --by memory --rate 100/s --yes",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.ContainsFunc(bys, func(b struct{ name, meaning string }) bool { return b.name == f.by }) {
				return api.Errorf(api.CodeInvalidArgument, "--by %q: must be %s, %s or %s", f.by, api.ByActors,
					api.ByLoad, api.ByMemory)
			}
			if !f.dryRun && !f.cancel {
				if err := k.askable(f.yes); err != nil {
					return err
				}
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if f.cancel {
				return k.cancelRebalance(cmd.Context(), s, &o)
			}
			return k.rebalance(cmd.Context(), s, &o, &f)
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	f.register(cmd)
	return cmd
}

func (f *rebalanceFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", api.ByActors, "what to balance: actors, load or memory")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would move, without moving it")
	cmd.Flags().BoolVar(&f.cancel, "cancel", false, "end the running rebalance; actors that have moved stay")
	f.jobFlags.register(cmd)
	names := make([]cobra.Completion, len(bys))
	for i, b := range bys {
		names[i] = cobra.CompletionWithDesc(b.name, b.meaning)
	}
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
}

func (k *kelpie) rebalance(ctx context.Context, s *session, o *output, f *rebalanceFlags) error {
	req := &api.RebalanceRequest{By: f.by, Plan: true, Rate: float64(f.rate)}
	plan, err := ask[api.RebalanceRequest, api.RebalanceReply](ctx, s, api.MethodRebalance, req)
	if err != nil {
		return err
	}
	if f.dryRun || len(plan.Moves) == 0 {
		if len(plan.Moves) == 0 {
			fmt.Fprintln(k.Stderr, "nothing to move")
		}
		return k.printRebalance(o, plan, nil)
	}
	if !f.yes {
		if err := k.printPlan(k.Stderr, &output{format: formatTable, noColor: o.noColor}, plan); err != nil {
			return err
		}
	}
	if err := k.confirm(f.yes, fmt.Sprintf("Move this, by %s?", f.by)); err != nil {
		return err
	}
	req.Plan = false
	reply, err := order[api.RebalanceRequest, api.RebalanceReply](ctx, s, api.MethodRebalance, req)
	if err != nil {
		return err
	}
	j := &job{cancel: "kelpie cluster rebalance --cancel"}
	for _, node := range giving(reply) {
		is, err := jobOf(ctx, s, node)
		if err != nil {
			return err
		}
		j.nodes = append(j.nodes, *is)
	}
	if f.detach {
		human.Fprintf(k.Stderr, "see \"kelpie node show NODE\"; to end it: %s\n", j.cancel)
	} else if err := k.follow(ctx, s, j); err != nil {
		return err
	}
	if err := k.printRebalance(o, reply, j.nodes); err != nil {
		return err
	}
	for _, failed := range reply.Fails {
		return cli.Advise(api.Errorf(api.CodeInternal, "node %s did not start: %s", failed.Node, failed.Error),
			"rerun the command to move the rest")
	}
	return j.verdict()
}

// giving returns the nodes that have begun to give.
func giving(r *api.RebalanceReply) []string {
	var nodes []string
	for _, m := range r.Moves {
		failed := slices.ContainsFunc(r.Fails, func(f api.BalanceFailed) bool { return f.Node == m.From })
		if !failed && !slices.Contains(nodes, m.From) {
			nodes = append(nodes, m.From)
		}
	}
	return nodes
}

func (k *kelpie) printRebalance(o *output, r *api.RebalanceReply, jobs []api.BulkStatus) error {
	if jobs == nil {
		jobs = []api.BulkStatus{}
	}
	if o.format == formatTable || o.format == formatWide {
		if len(jobs) == 0 {
			return k.printPlan(k.Stdout, o, r)
		}
		return k.printJobs(o, jobs)
	}
	p := newPrinter(k.Stdout, o.format, k.style(o), rebalanceListing, true)
	if err := p.rows([]rebalanceResult{{r.By, r.Nodes, r.Moves, r.Fails, jobs}}); err != nil {
		return err
	}
	return p.end()
}

// printPlan shows what each node has, gets or gives, and from or to whom.
func (k *kelpie) printPlan(w io.Writer, o *output, r *api.RebalanceReply) error {
	style := k.style(o)
	style.colour = style.colour && k.isTerminal(w)
	p := newPrinter(w, o.format, style, planListing(r), false)
	if err := p.rows(r.Nodes); err != nil {
		return err
	}
	return p.end()
}

func planListing(r *api.RebalanceReply) listing[api.BalanceNode] {
	amount := func(n int64) string { return fmt.Sprint(n) }
	return listing[api.BalanceNode]{fields: []field[api.BalanceNode]{
		{header: "NODE", cell: func(n *api.BalanceNode) string { return n.Node }},
		{header: "HAS", cell: func(n *api.BalanceNode) string { return amount(n.Has) }},
		{header: "GETS", cell: func(n *api.BalanceNode) string { return fmt.Sprintf("%+d", n.Gets) }},
		{header: "THEN", cell: func(n *api.BalanceNode) string { return amount(n.Has + n.Gets) }},
		{header: "MOVES", cell: func(n *api.BalanceNode) string {
			var to []string
			sum := make(map[string]int64)
			for _, m := range r.Moves {
				if m.From != n.Node {
					continue
				}
				if sum[m.To] += m.Amount; !slices.Contains(to, m.To) {
					to = append(to, m.To)
				}
			}
			for i, name := range to {
				to[i] = amount(sum[name]) + " to " + name
			}
			return dash(strings.Join(to, ", "))
		}},
	}}
}

func (k *kelpie) printJobs(o *output, jobs []api.BulkStatus) error {
	p := newPrinter(k.Stdout, o.format, k.style(o), jobListing, false)
	if err := p.rows(jobs); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return k.printFailures(o, jobs)
}

// cancelRebalance ends the part of every node that is at one.
func (k *kelpie) cancelRebalance(ctx context.Context, s *session, o *output) error {
	reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return err
	}
	var ended []api.BulkStatus
	for _, n := range reply.Nodes {
		if n.State == "left" || n.State == "failed" {
			continue
		}
		is, err := jobOf(ctx, s, n.Node)
		if err != nil {
			return err
		}
		if !running(*is) || is.Kind != api.BulkRebalance {
			continue
		}
		if is, err = cancelJob(ctx, s, n.Node, api.BulkRebalance); err != nil {
			return err
		}
		ended = append(ended, *is)
	}
	if len(ended) == 0 {
		return api.Errorf(api.CodeFailedPrecondition, "no rebalance is running")
	}
	return k.printRebalance(
		o, &api.RebalanceReply{Nodes: []api.BalanceNode{}, Moves: []api.BalanceMove{}, Fails: []api.BalanceFailed{}},
		ended)
}

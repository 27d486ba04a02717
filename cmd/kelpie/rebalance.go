// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

var balanceListing = listing[api.BalanceNode]{
	name: func(n *api.BalanceNode) string { return n.Node },
	fields: []field[api.BalanceNode]{
		{key: "node", meaning: "name of the node", header: "NODE", cell: func(n *api.BalanceNode) string { return n.Node }},
		{key: "has", meaning: "what it carries: actors, calls a second or bytes, as --by says", header: "HAS", cell: func(n *api.BalanceNode) string { return strconv.FormatInt(n.Has, 10) }},
		{key: "gets", meaning: "what it gets; below 0 is what it gives", header: "GETS", cell: func(n *api.BalanceNode) string { return fmt.Sprintf("%+d", n.Gets) }},
	},
}

func (k *kelpie) clusterRebalance() *cobra.Command {
	var j job
	var req api.RebalanceRequest
	cmd := &cobra.Command{
		Use:   "rebalance",
		Short: "Move actors so that all nodes carry the same",
		Long: `Move the fewest actors by which all nodes that take actors have the same number of them, take about the same number of calls, or use
about the same memory, as --by says. A node that has just joined so gets its share. The nodes that give do the moving, and go on if
this command is interrupted. No call fails by that. With --plan, only show what would be moved.

With -o json or yaml, --plan prints an object with by, nodes (each with node, has and gets) and moves (each with from, to and amount). Without
--plan, every node that gives is a row with these keys:

` + jobListing.keys(),
		Example: "  kelpie cluster rebalance --plan\n  kelpie cluster rebalance --by memory --rate 100 --yes",
		Args:    host.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkRate(req.Rate); err != nil {
				return err
			}
			if by := []string{api.ByActors, api.ByLoad, api.ByMemory}; !slices.Contains(by, req.By) {
				return api.Errorf(api.CodeInvalidArgument, "--by %s: must be one of %s", req.By, strings.Join(by, ", "))
			}
			s, err := j.open()
			if err != nil {
				return err
			}
			defer s.close()
			return k.rebalance(cmd.Context(), s, &j, req)
		},
	}
	j.register(cmd)
	cmd.Flags().BoolVar(&req.Plan, "plan", false, "only show what would be moved")
	cmd.Flags().StringVar(&req.By, "by", api.ByActors, "what is to be the same: actors, load (calls a second) or memory (bytes)")
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]cobra.Completion{api.ByActors, api.ByLoad, api.ByMemory}, cobra.ShellCompDirectiveNoFileComp)))
	registerRate(cmd, &req.Rate)
	return cmd
}

func (k *kelpie) rebalance(ctx context.Context, s *session, j *job, req api.RebalanceRequest) error {
	asked := req
	asked.Plan = true
	plan, err := order[api.RebalanceRequest, api.RebalanceReply](ctx, s, api.MethodRebalance, &asked)
	if err != nil {
		return err
	}
	if req.Plan {
		return k.printPlan(j, plan)
	}
	if len(plan.Moves) == 0 {
		if _, err := fmt.Fprintf(k.Stderr, "nothing to move: all nodes carry the same\n"); err != nil {
			return err
		}
		return k.printJobs(j, nil)
	}
	if !j.yes {
		if _, err := fmt.Fprint(k.Stderr, planText(plan)); err != nil {
			return err
		}
	}
	if err := k.confirm(j.yes, "Move these?"); err != nil {
		return err
	}
	begun, err := order[api.RebalanceRequest, api.RebalanceReply](ctx, s, api.MethodRebalance, &req)
	if err != nil {
		return err
	}
	return k.followRebalance(ctx, s, j, begun)
}

// followRebalance waits for the jobs of the nodes that give.
func (k *kelpie) followRebalance(ctx context.Context, s *session, j *job, begun *api.RebalanceReply) error {
	var ends []api.BulkStatus
	for _, n := range begun.Nodes {
		failed := slices.ContainsFunc(begun.Fails, func(f api.BalanceFailed) bool { return f.Node == n.Node })
		if n.Gets >= 0 || failed {
			continue
		}
		now, err := ask[api.BulkStatusRequest, api.BulkStatus](ctx, s, api.MethodBulkStatus, &api.BulkStatusRequest{Node: n.Node})
		if err == nil && !j.detach {
			now, err = k.followJob(ctx, s, now)
		}
		if err != nil {
			return err
		}
		ends = append(ends, *now)
	}
	if j.detach {
		return k.printJobs(j, ends)
	}
	if err := k.endJobs(j, ends); err != nil {
		return err
	}
	if len(begun.Fails) > 0 {
		f := begun.Fails[0]
		return api.Errorf(api.CodeFailedPrecondition, "%s of %d did not begin to give, for one %s: %s", nodesText(len(begun.Fails)), len(begun.Nodes), f.Node, f.Error)
	}
	return nil
}

func (k *kelpie) printPlan(j *job, plan *api.RebalanceReply) error {
	switch j.format {
	case formatTable, formatWide, formatName:
		p := newPrinter(k.Stdout, j.format, k.style(&j.output), balanceListing, false)
		if err := p.rows(plan.Nodes); err != nil {
			return err
		}
		if err := p.end(); err != nil || j.format == formatName {
			return err
		}
		_, err := fmt.Fprint(k.Stdout, planText(plan))
		return err
	}
	p := newPrinter(k.Stdout, j.format, k.style(&j.output), listing[api.RebalanceReply]{}, true)
	if err := p.rows([]api.RebalanceReply{*plan}); err != nil {
		return err
	}
	return p.end()
}

// planText tells what moves, a line each.
func planText(plan *api.RebalanceReply) string {
	unit := map[string]string{api.ByActors: "actors", api.ByLoad: "calls a second", api.ByMemory: "bytes"}[plan.By]
	var b strings.Builder
	for _, m := range plan.Moves {
		fmt.Fprintf(&b, "%d %s from %s to %s\n", m.Amount, unit, m.From, m.To)
	}
	if b.Len() == 0 {
		return "nothing to move\n"
	}
	return b.String()
}

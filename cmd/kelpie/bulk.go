// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// jobInterval is how often a job that moves actors is looked at.
	jobInterval = 200 * time.Millisecond
	// jobProgress is how often its progress is shown where there is no terminal.
	jobProgress = 5 * time.Second
)

var jobListing = listing[api.BulkStatus]{
	name: func(s *api.BulkStatus) string { return s.Node },
	fields: []field[api.BulkStatus]{
		{key: "node", meaning: "the node whose actors move", header: "NODE", cell: func(s *api.BulkStatus) string { return s.Node }},
		{key: "node_state", meaning: "its state, such as active or draining", header: "NODE STATE", cell: func(s *api.BulkStatus) string { return s.NodeState }},
		{key: "job", meaning: "number of its latest job, 0 if there was none", header: "JOB", wide: true, cell: func(s *api.BulkStatus) string { return count(s.Job) }},
		{key: "kind", meaning: "drain, migrate or rebalance", header: "KIND", cell: func(s *api.BulkStatus) string { return dash(s.Kind) }},
		{key: "state", meaning: "running, done, cancelled or timed_out", header: "STATE", cell: func(s *api.BulkStatus) string { return dash(s.State) }},
		{key: "why", meaning: "who has asked for it", header: "WHY", wide: true, cell: func(s *api.BulkStatus) string { return dash(s.Why) }},
		{key: "total", meaning: "actors that were to move", header: "TOTAL", cell: func(s *api.BulkStatus) string { return strconv.Itoa(s.Total) }},
		{key: "moved", meaning: "actors that have moved", header: "MOVED", cell: func(s *api.BulkStatus) string { return strconv.Itoa(s.Moved) }},
		{key: "failed", meaning: "actors that could not be moved", header: "FAILED", cell: func(s *api.BulkStatus) string { return strconv.Itoa(s.Failed) }},
		{key: "left", meaning: "actors that are still to move; of a drain, those that the node has", header: "LEFT", cell: func(s *api.BulkStatus) string { return strconv.Itoa(s.Left) }},
		{key: "elapsed_ms", meaning: "how long it took, or has taken so far", header: "TOOK", cell: func(s *api.BulkStatus) string { return millis(s.ElapsedMillis) }},
		{key: "failures", meaning: "the last that failed, each with actor and error"},
	},
}

// job is a command that has a node move many of its actors, and follows that.
type job struct {
	connection
	output
	yes, detach bool
}

func (j *job) register(cmd *cobra.Command) {
	j.connection.register(cmd.Flags())
	j.output.register(cmd)
	registerYes(cmd, &j.yes)
	cmd.Flags().BoolVar(&j.detach, "detach", false, "do not wait: the nodes go on by themselves")
}

// start has a node begin, and follows it unless that is not wanted. A job without work is told, and no more.
func (k *kelpie) startJob(ctx context.Context, s *session, j *job, req api.BulkRequest) error {
	began, err := order[api.BulkRequest, api.BulkStatus](ctx, s, api.MethodBulk, &req)
	if err != nil {
		return err
	}
	if j.detach || req.DryRun {
		return k.printJobs(j, []api.BulkStatus{*began})
	}
	end, err := k.followJob(ctx, s, began)
	if err != nil {
		return err
	}
	return k.endJobs(j, []api.BulkStatus{*end})
}

// followJob shows how a job goes, and returns how it has ended. At a signal it leaves the job alone.
func (k *kelpie) followJob(ctx context.Context, s *session, began *api.BulkStatus) (*api.BulkStatus, error) {
	signals, done := k.Signals()
	defer done()
	line := k.newProgress(jobProgress)
	defer line.clear()
	ticks := time.NewTicker(jobInterval)
	defer ticks.Stop()
	for now := began; ; {
		if now.State != api.BulkRunning {
			return now, nil
		}
		if err := line.say(fmt.Sprintf("node %s: %d of %d actors moved, %d failed, %d left", now.Node, now.Moved, now.Total, now.Failed, now.Left)); err != nil {
			return nil, err
		}
		select {
		case <-signals:
			line.clear()
			return nil, host.Advise(
				api.Errorf(api.CodeCancelled, "not waited for: node %s goes on moving its actors, %d of %d are moved", now.Node, now.Moved, now.Total),
				"look at it with \"kelpie node show %[1]s\", or end it with \"kelpie node undrain %[1]s\"", now.Node,
			)
		case <-ticks.C:
		}
		next, err := ask[api.BulkStatusRequest, api.BulkStatus](ctx, s, api.MethodBulkStatus, &api.BulkStatusRequest{Node: began.Node})
		if err != nil {
			return nil, err
		}
		if next.Job != began.Job {
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s does something else now: %s, for %s", next.Node, dash(next.Kind), dash(next.Why))
		}
		now = next
	}
}

// endJobs prints how jobs have ended, and what has failed. It is an error if something has.
func (k *kelpie) endJobs(j *job, ends []api.BulkStatus) error {
	if err := k.printJobs(j, ends); err != nil {
		return err
	}
	var bad []string
	for _, end := range ends {
		for _, f := range end.Failures {
			if _, err := fmt.Fprintf(k.Stderr, "%s: %s\n", f.Actor, f.Error); err != nil {
				return err
			}
		}
		switch {
		case end.State != api.BulkDone:
			bad = append(bad, fmt.Sprintf("node %s was not done (%s): %d actors are left", end.Node, strings.ReplaceAll(end.State, "_", " "), end.Left))
		case end.Kind == api.BulkDrain && end.Left > 0:
			bad = append(bad, fmt.Sprintf("node %s still has %d actors, and no other node takes them", end.Node, end.Left))
		case end.Failed > 0:
			bad = append(bad, fmt.Sprintf("%d of the %d actors of node %s were not moved", end.Failed, end.Total, end.Node))
		}
	}
	if len(bad) > 0 {
		return host.Advise(api.Errorf(api.CodeFailedPrecondition, "%s", strings.Join(bad, "; ")), "the same command again goes on with what is left")
	}
	return nil
}

func (k *kelpie) printJobs(j *job, all []api.BulkStatus) error {
	p := newPrinter(k.Stdout, j.format, k.style(&j.output), jobListing, len(all) == 1)
	if err := p.rows(all); err != nil {
		return err
	}
	return p.end()
}

// registerRate makes the flag that bounds how fast actors move.
func registerRate(cmd *cobra.Command, rate *float64) {
	cmd.Flags().Float64Var(rate, "rate", 0, "actors that each node moves in a second at the most, 0 for as many as can be")
}

func checkRate(rate float64) error {
	if rate < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--rate %v: must not be negative (0 is as many as can be)", rate)
	}
	return nil
}

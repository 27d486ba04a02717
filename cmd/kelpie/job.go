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

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// followInterval is how often a job that is followed is looked at.
	followInterval = 200 * time.Millisecond
	// jobProgressElsewhere is how often progress is shown where there is no terminal.
	jobProgressElsewhere = 5 * time.Second
)

// jobFlags are those of commands that have nodes move many actors.
type jobFlags struct {
	rate        int
	detach, yes bool
}

func (f *jobFlags) register(cmd *cobra.Command) {
	cmd.Flags().Var(rateValue{&f.rate, "actors"}, "rate", "maximum actors a node moves per second, such as 100/s "+
		"(default unlimited)")
	cmd.Flags().BoolVar(&f.detach, "detach", false, "do not wait for the end")
	registerYes(cmd, &f.yes)
}

// job is what nodes are doing for a command.
type job struct {
	nodes []api.BulkStatus
	// cancel is the command that ends it.
	cancel string
}

// follow waits until all nodes are done, and shows how far they are. It can be interrupted: they go on by themselves.
func (k *kelpie) follow(ctx context.Context, s *session, j *job) error {
	ctx, stop := k.untilSignal(ctx)
	defer stop()
	p := k.newProgress(jobProgressElsewhere)
	defer p.clear()
	ticks := time.NewTicker(followInterval)
	defer ticks.Stop()
	for heard := time.Now(); ; {
		err := j.look(ctx, s)
		switch code := cli.ExitCodeOf(err); {
		case ctx.Err() != nil:
			p.clear()
			return cli.Advise(interrupted("interrupted; "+j.names()+" will continue by itself"),
				"see \"kelpie node show NODE\"; to end it: %s", j.cancel)
		case err == nil:
			heard = time.Now()
		case code != cli.ExitUnavailable || time.Since(heard) >= s.timeout:
			p.clear()
			return cli.Advise(err, "the job continues, unless the node has ended: see \"kelpie node show "+
				"NODE\"; rerun the command to move the rest")
		}
		if !slices.ContainsFunc(j.nodes, running) {
			return nil
		}
		if err := p.say(j.progress()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

func running(b api.BulkStatus) bool { return b.State == api.BulkRunning }

// look asks how the nodes stand that are not done.
func (j *job) look(ctx context.Context, s *session) error {
	for i := range j.nodes {
		was := &j.nodes[i]
		if !running(*was) {
			continue
		}
		is, err := ask[api.BulkStatusRequest, api.BulkStatus](ctx, s, api.MethodBulkStatus,
			&api.BulkStatusRequest{Node: was.Node})
		switch {
		case err != nil:
			return err
		case is.Job != was.Job || is.Kind != was.Kind:
			return api.Errorf(api.CodeFailedPrecondition, "node %s was restarted, or runs another job by now: %d "+
				"of %s had moved; rerun the command to move the rest", was.Node, was.Moved,
				human.Counted(was.Total, "actor"))
		}
		*was = *is
	}
	return nil
}

func (j *job) names() string {
	names := make([]string, len(j.nodes))
	for i, b := range j.nodes {
		names[i] = b.Node
	}
	if len(names) == 1 {
		return "node " + names[0]
	}
	return "each of nodes " + strings.Join(names, ", ")
}

// progress is a line that says how far all are.
func (j *job) progress() string {
	var sum api.BulkStatus
	for _, b := range j.nodes {
		sum.Moved += b.Moved
		sum.Total += b.Total
		sum.Failed += b.Failed
		sum.ElapsedMillis = max(sum.ElapsedMillis, b.ElapsedMillis)
	}
	line := fmt.Sprintf("%d of %s moved", sum.Moved, human.Counted(sum.Total, "actor"))
	if sum.Failed > 0 {
		line += fmt.Sprintf(", %d failed", sum.Failed)
	}
	for _, b := range j.nodes {
		if len(b.Reasons) > 0 {
			line += " (" + b.Reasons[0].Reason + ")"
			break
		}
	}
	return line + ", " + (time.Duration(sum.ElapsedMillis) * time.Millisecond).Round(time.Second).String()
}

// verdict is the error of a job that has not moved all that it was to move.
func (j *job) verdict() error {
	for _, b := range j.nodes {
		moved := fmt.Sprintf("%d of %s moved", b.Moved, human.Counted(b.Total, "actor"))
		var what string
		switch {
		case b.State == api.BulkCancelled:
			what = "was told to stop, or is ending: " + moved
		case b.State == api.BulkTimedOut:
			what = "did not finish in time: " + moved + ", " + fmt.Sprintf("%d left", b.Left)
		case b.State == api.BulkDone && b.Kind == api.BulkDrain && b.Left > 0:
			return nowhereToGo(&b)
		case b.State != api.BulkRunning && b.Failed > 0:
			what = "could not move " + human.Counted(b.Failed, "actor") + reasons(&b)
		case b.State == api.BulkDone && b.Left > 0:
			what = "still has " + human.Counted(b.Left, "actor") + ": no other node accepts them"
		default:
			continue
		}
		return cli.Advise(api.Errorf(api.CodeInternal, "node %s %s", b.Node, what),
			"rerun the command to move the rest; \"kelpie node show %s\" has details", b.Node)
	}
	return nil
}

// nowhereToGo is the error of a drain that has ended with actors left.
func nowhereToGo(b *api.BulkStatus) error {
	why := reasons(b)
	if why == "" {
		why = ": no other node accepts them"
	}
	return cli.Advise(
		api.Errorf(api.CodeUnavailable, "node %s still has %s%s", b.Node, human.Counted(b.Left, "actor"), why),
		"it accepts no more; start a node that accepts them and repeat this, or add --wait; to end the drain: "+
			"kelpie node undrain %s", b.Node)
}

// reasons says why actors were not moved, by count.
func reasons(b *api.BulkStatus) string {
	if len(b.Reasons) == 0 {
		return ""
	}
	told := make([]string, len(b.Reasons))
	for i, r := range b.Reasons {
		told[i] = fmt.Sprintf("%d: %s", r.Actors, r.Reason)
	}
	return ": " + strings.Join(told, "; ")
}

// printJob prints how a job of one node stands, with what failed.
func (k *kelpie) printJob(o *output, b api.BulkStatus) error {
	p := newPrinter(k.Stdout, o.format, k.style(o), jobListing, true)
	if err := p.rows([]api.BulkStatus{b}); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return k.printFailures(o, []api.BulkStatus{b})
}

// printFailures lists the actors that were not moved, in a table: in other formats the rows have them.
func (k *kelpie) printFailures(o *output, jobs []api.BulkStatus) error {
	if o.format != formatTable && o.format != formatWide {
		return nil
	}
	var all []api.BulkFailure
	failed := 0
	for _, b := range jobs {
		all = append(all, b.Failures...)
		failed += b.Failed
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(k.Stdout); err != nil {
		return err
	}
	p := newPrinter(k.Stdout, o.format, k.style(o), failureListing, false)
	if err := p.rows(all); err != nil {
		return err
	}
	if more := failed - len(all); more > 0 {
		_, err := human.Fprintf(k.Stdout, "and %d more\n", more)
		return err
	}
	return p.end()
}

// begun follows a job of one node unless it is to be left alone, and prints how it stands.
func (k *kelpie) begun(ctx context.Context, s *session, o *output, f *jobFlags, j *job) error {
	if f.detach {
		human.Fprintf(k.Stderr, "see \"kelpie node show %s\"; to end it: %s\n", j.nodes[0].Node, j.cancel)
		return k.printJob(o, j.nodes[0])
	}
	if err := k.follow(ctx, s, j); err != nil {
		return err
	}
	if err := k.printJob(o, j.nodes[0]); err != nil {
		return err
	}
	return j.verdict()
}

// jobOf returns the latest job of a node.
func jobOf(ctx context.Context, s *session, node string) (*api.BulkStatus, error) {
	return ask[api.BulkStatusRequest, api.BulkStatus](ctx, s, api.MethodBulkStatus, &api.BulkStatusRequest{Node: node})
}

// cancelJob ends the job of a kind that a node is at.
func cancelJob(ctx context.Context, s *session, node, kind string) (*api.BulkStatus, error) {
	return order[api.BulkCancelRequest, api.BulkStatus](ctx, s, api.MethodBulkCancel,
		&api.BulkCancelRequest{Node: node, Kind: kind})
}

// whereto says where actors go.
func whereto(to string) string {
	if to == "" {
		return "the nodes that placement chooses"
	}
	return "node " + to
}

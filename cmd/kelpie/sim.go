// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

func (k *kelpie) sim() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run simulated clusters with faults, and check every promise",
		Long: `Run a whole cluster in this process, in simulated time: real nodes, on a network
and a store that fail, called by clients. Checkers look for broken promises. A
seed decides everything that no flag sets, and a seed that fails once fails
every time. No cluster is needed, and none is touched.

A single run (--seed, or neither --seeds nor --for) prints everything that was
drawn for it, as flags that you can pass back. For many runs, the command prints
those that break a promise, each with the command that repeats it, and a
summary. The exit code is 1 if a promise was broken. On the first interrupt, the
command finishes the current runs and starts no more; the exit code is then 130,
unless it is 1.

For many runs, --shrink and --html take the first run that breaks a promise. A
plan of faults is a list of events separated by semicolons or line ends, each
with a time, a fault, and its target. "kelpie sim ls" lists the faults,
workloads, checkers, profiles and bugs.

With -o json, every run is an object on a line of its own. With -o name, only
the seeds that break a promise are printed.

` + simListing.help(),
		Example: `  kelpie sim --seed 7
  kelpie sim --seeds 1000 --jobs 2
  kelpie sim --for 8h --start 1000000 --profile storm
  kelpie sim --seed 7 --faults crash,cut --plan '1.2s crash n1 3s; 4s cut n2 2s' --timeline
  kelpie sim --seeds 100 --bug early-reply --shrink --html failure.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.UnknownCommand(cmd, args)
			}
			return f.exclude(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.campaign(cmd.Flags())
			if err != nil {
				return err
			}
			return k.simulate(cmd.Context(), c, &f)
		},
	}
	f.register(cmd)
	cmd.AddCommand(k.simList())
	return cmd
}

// simulate makes the runs, and shows them.
func (k *kelpie) simulate(ctx context.Context, c campaign.Campaign, f *simFlags) error {
	if os.Getenv("GOGC") == "" { // runs leave much garbage and keep little: this makes them a third faster
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	ctx, done := k.untilSignal(ctx)
	defer done()
	asked := c.Options
	asked.Seed = c.Start
	report := &simReport{
		w: k.Stdout, format: f.output.format, style: k.style(&f.output), asked: asked, single: !f.many,
		timeline: f.timeline,
	}
	progress := k.newSimProgress(c.Seeds, f.many)
	var chosen *sim.Result // the one that is shrunk or drawn
	c.Each = func(o campaign.Outcome) error {
		if r := o.Result; chosen == nil && (!f.many || r.Caught()) {
			chosen = r
		}
		if report.shows(o.Result) {
			progress.clear()
		}
		if err := report.run(o); err != nil {
			return err
		}
		return progress.ran(o.Result)
	}
	summary, err := c.Run(ctx)
	cut := ctx.Err() != nil && (c.Seeds == 0 || summary.Seeds < c.Seeds)
	done() // what follows ends at the first signal
	progress.clear()
	if err != nil {
		return err
	}
	if f.many {
		if err := report.summary(summary, c.Seeds); err != nil {
			return err
		}
	}
	if err := k.examine(chosen, f, report); err != nil {
		return err
	}
	if cut && summary.Failed == 0 {
		return interrupted("interrupted after " + human.Counted(summary.Seeds, "seed") +
			", in which every promise held")
	}
	return simFailed(summary, chosen, f.many)
}

// interrupted is the error of a campaign that a signal ended: what was asked for has not been shown.
type interrupted string

func (i interrupted) Error() string { return string(i) }

// Is makes it a cli.ErrInterrupted, for the exit code.
func (interrupted) Is(target error) bool { return target == cli.ErrInterrupted }

// examine shrinks and draws a run, if asked to. It is nil if none was to be told of.
func (k *kelpie) examine(r *sim.Result, f *simFlags, report *simReport) (err error) {
	if f.shrink && r != nil && r.Caught() {
		if r, err = k.shrink(r, report); err != nil {
			return err
		}
	}
	if f.html != "" {
		return k.writePage(f.html, r)
	}
	return nil
}

// gcPercent is how much garbage there may be, beside what is kept, before it is collected.
const gcPercent = 400

// untilSignal returns a context that ends with the first signal. The second ends the process, as if nobody listened.
func (k *kelpie) untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals, done := k.Signals()
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		done()
		cancel()
	}()
	return ctx, cancel
}

// simFailed is the error of runs that broke a promise, if any did.
func simFailed(s campaign.Summary, chosen *sim.Result, many bool) error {
	switch {
	case s.Failed == 0:
		return nil
	case many:
		return cli.Advise(fmt.Errorf("%d of %s broke a promise", s.Failed, human.Counted(s.Seeds, "seed")),
			"run one of them with --timeline to see what happens, or with --shrink to find the smallest run that "+
				"fails")
	}
	return cli.Advise(errors.New("the run of seed "+count(chosen.Config.Seed)+" broke a promise"),
		"pass --timeline to see what happens, or --shrink to find the smallest run that fails")
}

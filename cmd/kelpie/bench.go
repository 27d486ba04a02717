// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/bench"
)

func (k *kelpie) bench() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Generate load on actors and measure latency",
		Long: `Call actors of the stock binary's namespaces concurrently, and measure
throughput and latency. The actors are called bench-0, bench-1 and so on. They
keep what was written to them.

Without --rate, each of --callers makes its next call as soon as it has an
answer. With --rate, calls are due at even intervals, and the latency of a call
counts from when it was due, even if all callers were busy then. A stall
therefore shows in every call that it delays. add, put and delete write: they
are answered once they are durable. The others read.

With --local, no cluster is needed and none is touched. The command starts a
node in its own process, on a temporary store, and calls it without a network.
Callers and node share the processors, as they do on one machine.

Latencies are those of answered calls. If any call failed, the exit code is 1.
An interrupt ends the run, prints what was measured so far, and exits with code
130.

JSON and YAML output is one object, for the whole run.

` + benchListing.help(),
		Example: `  kelpie bench --local
  kelpie bench --addr 10.0.0.1:7600,10.0.0.2:7600 --callers 64 --duration 1m
  kelpie bench --namespace kv --mix put=10,get=90 --payload 1024 --actors 100000
  kelpie bench --namespace echo --rate 2000/s
  kelpie bench --mix get --stale --calls 100000 -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cli.Args()(cmd, args); err != nil {
				return err
			}
			return f.exclude(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd.Flags()); err != nil {
				return err
			}
			return k.runBench(cmd.Context(), &f)
		},
	}
	f.register(cmd)
	return cmd
}

// runBench makes the run, and shows it.
func (k *kelpie) runBench(ctx context.Context, f *benchFlags) (err error) {
	ctx, done := k.untilSignal(ctx)
	defer done()
	target, err := k.benchTarget(ctx, f)
	if err != nil {
		if ctx.Err() != nil {
			return interrupted("interrupted before anything was measured; run it again")
		}
		return err
	}
	defer func() {
		if closed := target.close(); err == nil {
			err = closed
		}
	}()
	c := f.config
	c.Target = target.call
	live := k.newProgress(0)
	if live.terminal {
		c.Each = func(p bench.Progress) { _ = live.say(benchLine(&c, p)) } // failing to show progress is harmless
	}
	result, err := bench.Run(ctx, c)
	live.clear()
	if err != nil {
		return err
	}
	if err := k.printBench(f, result); err != nil {
		return err
	}
	return benchFailed(result)
}

func (k *kelpie) benchTarget(ctx context.Context, f *benchFlags) (*benchTarget, error) {
	if f.local {
		return k.localTarget(ctx, f.store, f.stale)
	}
	return k.clusterTarget(ctx, &f.connection, f.stale)
}

// benchLine is what a terminal shows of a run that goes on.
func benchLine(c *bench.Config, p bench.Progress) string {
	var b strings.Builder
	of := c.Duration
	if p.WarmingUp {
		b.WriteString("warming up: ")
		of = c.WarmUp
	}
	b.WriteString(p.Elapsed.Round(time.Second).String())
	if of > 0 {
		b.WriteString(" of " + of.String())
	}
	fmt.Fprintf(&b, ", %s calls/s, %d answered, %d failed", perSecond(p.PerSecond), p.Answered, p.Failed)
	if p.Answered > 0 {
		fmt.Fprintf(&b, ", p50 %s, p99 %s, max %s", shortTime(p.Latency.P50), shortTime(p.Latency.P99),
			shortTime(p.Latency.Max))
	}
	return b.String()
}

// printBench prints a run, and warns if it is not what was asked for.
func (k *kelpie) printBench(f *benchFlags, r *bench.Result) error {
	row := newBenchRow(f, r)
	if err := k.printBenchRow(f, row); err != nil {
		return err
	}
	if r.Unsent == 0 || r.Interrupted {
		return nil
	}
	_, err := human.Fprintf(k.Stderr, "warning: %d calls were due but not started, because all callers were busy; "+
		"the rate was not reached: raise --callers or lower --rate\n", r.Unsent)
	return err
}

func (k *kelpie) printBenchRow(f *benchFlags, row benchRow) error {
	style := k.style(&f.output)
	switch f.format {
	case formatJSON, formatYAML:
		return printAll(newPrinter(k.Stdout, f.format, style, benchListing, true), row)
	}
	rows := row.Methods
	if len(rows) > 1 && f.format != formatName {
		rows = append(rows, row.Total)
	}
	return printAll(newPrinter(k.Stdout, f.format, style, benchMethodListing, false), rows...)
}

// printAll prints rows, and no more.
func printAll[R any](p printer[R], rows ...R) error {
	if err := p.rows(rows); err != nil {
		return err
	}
	return p.end()
}

// benchFailed is the error of a run that was interrupted, or in which calls failed.
func benchFailed(r *bench.Result) error {
	var said string
	if r.All.Failed > 0 {
		codes := make([]string, len(r.Errors))
		for i, e := range r.Errors {
			codes[i] = fmt.Sprintf("%d %s", e.Count, e.Code)
		}
		said = fmt.Sprintf("%d of %d calls failed: %s; for example: %s", r.All.Failed, r.All.Answered+r.All.Failed,
			strings.Join(codes, ", "), cli.Message(r.Errors[0].Example))
	}
	switch {
	case r.Interrupted && r.Elapsed == 0:
		return interrupted("interrupted before anything was measured; run it again")
	case r.Interrupted && said != "":
		return interrupted(fmt.Sprintf("interrupted after %s; %s", shortTime(r.Elapsed), said))
	case r.Interrupted:
		return interrupted("interrupted after " + shortTime(r.Elapsed))
	case said != "":
		return errors.New(said)
	}
	return nil
}

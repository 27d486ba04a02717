// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// simSeedVariable is also that of tests that run authors' actors under the simulator.
const simSeedVariable = "KELPIE_SIM_SEED"

// simFlags are the flags of the command sim.
type simFlags struct {
	options          sim.Options
	start            uint64
	seeds, jobs      int
	within           time.Duration
	plan             string
	checkDeterminism bool
	timeline, shrink bool
	html             string
	output           output
	many             bool // set by exclude
}

func (f *simFlags) register(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.Uint64Var(&o.Seed, "seed", 0, "seed of a single run (default one drawn from the clock)")
	flags.IntVar(&f.seeds, "seeds", 0, "number of seeds to run (default 1, or with --for as many as fit into "+
		"that time)")
	flags.Uint64Var(&f.start, "start", 1, "the first of several seeds")
	flags.IntVar(&f.jobs, "jobs", 0, "number of concurrent runs (default one for each processor)")
	flags.DurationVar(&f.within, "for", 0, "real time after which no more seeds are started (default no limit)")
	flags.StringVar(&o.Profile, "profile", "default", "how to draw what no flag sets: "+
		strings.Join(simNames("profile"), ", "))
	flags.IntVar(&o.Nodes, "nodes", 0, "number of nodes (default drawn)")
	flags.IntVar(&o.Clients, "clients", 0, "number of clients (default drawn)")
	flags.IntVar(&o.Calls, "calls", 0, "number of calls of each client (default drawn)")
	flags.DurationVar(&o.For, "duration", 0, "simulated time during which faults happen (default drawn)")
	flags.Var(nameList{&o.Workloads}, "workloads", "what clients do, separated by commas; \"none\" only reads "+
		"(default drawn)")
	flags.Var(nameList{&o.Faults}, "faults", "faults to inject, separated by commas; \"none\" injects none "+
		"(default drawn)")
	flags.StringVar(&f.plan, "plan", "", "which fault strikes when: events, or @FILE to read them from a file "+
		"(default drawn, of --faults)")
	flags.StringVar(&o.Bug, "bug", "", "defect to plant, to see whether the checkers find it (default none)")
	flags.BoolVar(&f.checkDeterminism, "check-determinism", false, "run every seed twice and compare (default false)")
	flags.BoolVar(&f.timeline, "timeline", false, "print everything that happened in the run; for many runs, in "+
		"those that break a promise (default false)")
	flags.BoolVar(&f.shrink, "shrink", false, "find the smallest run that breaks the same promise (default false)")
	flags.StringVar(&f.html, "html", "", "file to write an HTML page about the run to; for many runs, about the "+
		"first that breaks a promise; with --shrink, about the smallest (default none)")
	must(cmd.MarkFlagFilename("html", "html"))
	cli.Variable(flags, "seed", simSeedVariable)
	f.output.register(cmd)
	for flag, kind := range map[string]string{"profile": "profile", "workloads": "workload", "faults": "fault",
		"bug": "bug"} {
		must(cmd.RegisterFlagCompletionFunc(
			flag, cobra.FixedCompletions(simNames(kind), cobra.ShellCompDirectiveNoFileComp)))
	}
}

// simNames returns the names of a kind in the catalogue.
func simNames(kind string) []string {
	var names []string
	for _, item := range campaign.Catalog() {
		if item.Kind == kind {
			names = append(names, item.Name)
		}
	}
	return names
}

// exclude refuses flags of one run together with those of many. It looks at the command line alone, before
// variables are read, so that these give way.
func (f *simFlags) exclude(flags *pflag.FlagSet) error {
	f.many = flags.Changed("seeds") || flags.Changed("for")
	switch {
	case f.many && flags.Changed("seed"):
		return api.Errorf(api.CodeInvalidArgument, "--seed is for a single run; to run many, pass --seeds or "+
			"--for, with --start for the first")
	case !f.many && flags.Changed("start"):
		return api.Errorf(api.CodeInvalidArgument, "--start is the first of many seeds; pass --seeds or --for to "+
			"say how many")
	}
	for _, name := range []string{"seeds", "jobs", "nodes", "clients", "calls"} {
		if n, err := flags.GetInt(name); err == nil && flags.Changed(name) && n < 1 {
			return api.Errorf(api.CodeInvalidArgument, "--%s %d: must be at least 1", name, n)
		}
	}
	for _, name := range []string{"for", "duration"} {
		if d, err := flags.GetDuration(name); err == nil && flags.Changed(name) && d <= 0 {
			return api.Errorf(api.CodeInvalidArgument, "--%s %v: must be positive", name, d)
		}
	}
	return nil
}

// campaign returns what to run. Errors are CodeInvalidArgument.
func (f *simFlags) campaign(flags *pflag.FlagSet) (campaign.Campaign, error) {
	if flags.Changed("plan") {
		plan, err := readPlan(f.plan)
		if err != nil {
			return campaign.Campaign{}, err
		}
		f.options.Plan = &plan
	}
	if flags.Changed("html") {
		if err := checkPage(f.html); err != nil {
			return campaign.Campaign{}, err
		}
	}
	c := campaign.Campaign{
		Options: f.options, Start: f.start, Seeds: f.seeds, Jobs: f.jobs, For: f.within,
		CheckDeterminism: f.checkDeterminism,
	}
	if !f.many {
		c.Start, c.Seeds = f.options.Seed, 1
		if !flags.Changed("seed") {
			c.Start = drawnSeed()
		}
		c.Options.Trace = f.timeline || f.html != ""
	}
	return c, nil
}

// drawnSeed returns a seed that is short enough to be told to somebody.
func drawnSeed() uint64 { return uint64(time.Now().UnixMicro()) % 1_000_000_000 }

// readPlan reads a plan from a flag, or from the file that it names after an @.
func readPlan(text string) (sim.Plan, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "--plan %s: %s", text, cli.Reason(err))
		}
		text = string(content)
	}
	return sim.ParsePlan(text)
}

// nameList is a flag of names with commas between them. Empty is written as none.
type nameList struct{ names *[]string }

// String, Set and Type implement pflag.Value.
func (l nameList) String() string {
	if l.names == nil || *l.names == nil {
		return ""
	}
	return cmp.Or(strings.Join(*l.names, ","), sim.None)
}

func (l nameList) Set(s string) error {
	if s == sim.None {
		*l.names = []string{}
		return nil
	}
	names := strings.Split(s, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	if slices.Contains(names, "") {
		return errors.New("must be names separated by commas, or none")
	}
	*l.names = names
	return nil
}

func (nameList) Type() string { return "names" }

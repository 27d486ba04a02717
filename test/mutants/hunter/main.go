// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// The exit codes that package mutants looks for. A process that dies for another reason has another one.
const (
	exitFound    = 10 // by one of the wanted checkers
	exitOther    = 11 // by others only
	exitNotFound = 12
)

func main() {
	var c campaign.Campaign
	var caught, workloads, faults string
	flag.StringVar(&c.Options.Profile, "profile", "default", "how to draw what is not said")
	flag.StringVar(&workloads, "workloads", "", "the workloads of all runs; by default each seed draws its own")
	flag.StringVar(&faults, "faults", "", "the faults of all runs, or none; by default each seed draws its own")
	flag.IntVar(&c.Seeds, "seeds", 1, "how many seeds to run at most, from 1 on")
	flag.StringVar(&caught, "caught", "", "the checkers that end the hunt")
	flag.Parse()
	c.Start = 1
	c.Options.Workloads, c.Options.Faults = names(workloads), names(faults)
	code := exitNotFound
	c.Each = func(o campaign.Outcome) error {
		for _, v := range o.Result.Violations {
			if slices.Contains(names(caught), v.Checker) {
				fmt.Printf("by %s, seed %d, after %v of it: %s\n", v.Checker, o.Result.Config.Seed, v.At, v.What)
				os.Exit(exitFound) // whatever else is under way
			}
		}
		if len(o.Result.Violations) > 0 && code == exitNotFound {
			v := o.Result.Violations[0]
			fmt.Printf("by %s, seed %d, after %v of it: %s\n", v.Checker, o.Result.Config.Seed, v.At, v.What)
			code = exitOther
		}
		return nil
	}
	if _, err := c.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// names are those of a list; "none" is an empty one, and "" none at all.
func names(list string) []string {
	switch list {
	case "":
		return nil
	case "none":
		return []string{}
	}
	return strings.Split(list, ",")
}

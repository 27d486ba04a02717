// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// Failure is a seed that breaks a promise.
type Failure struct {
	Seed uint64
	// Violations are the broken promises, in the order in which they were found: at least one.
	Violations []sim.Violation
	// Result is the whole run, with its timeline.
	Result *sim.Result
	// Unsteady says that the run went otherwise when it was run again: the program follows from more than its seed,
	// such as the order of a map, a clock, or a variable that runs share. Result is then of the second time.
	Unsteady bool

	config *Config
}

const (
	// violationsShown and linesShown bound a report: the rest is a command away.
	violationsShown = 5
	linesShown      = 50
)

// failure runs a failed run again, for its timeline.
func (c *Config) failure(first *sim.Result) (*Failure, error) {
	o := first.Config.Options()
	o.Trace = true
	again, err := c.run(o)
	if err != nil {
		return nil, err
	}
	return &Failure{
		Seed: first.Config.Seed, Violations: first.Violations, Result: again, config: c,
		Unsteady: again.TraceHash != first.TraceHash || !slices.Equal(again.Violations, first.Violations),
	}, nil
}

// timeline returns all that happens under a seed, for people.
func (c *Config) timeline(seed uint64) string {
	o := c.options(seed)
	o.Trace = true
	result, err := c.run(o)
	if err != nil {
		return err.Error()
	}
	return lines(result.Timeline)
}

// String is a report for people: what is broken, and what happens before.
func (f *Failure) String() string { return f.summary() + "\n" + f.events() }

// summary says what is broken, in what kind of run.
func (f *Failure) summary() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "seed %d breaks a promise:\n%s%s", f.Seed, f.violations(), f.outline())
	if f.Unsteady {
		b.WriteString("\nThe run went otherwise when it was run again, so what follows may differ: something in the " +
			"program follows from\n" +
			"more than its seed, such as the order of a map, a clock, or a variable that runs share.")
	}
	return b.String()
}

// smallest reports a run that Shrink has found.
func (f *Failure) smallest() string {
	return "the smallest run found that still does:\n" + f.violations() + f.outline() + "\n" + f.events()
}

func (f *Failure) violations() string {
	b := new(strings.Builder)
	for i, v := range f.Violations {
		if i == violationsShown {
			fmt.Fprintf(b, "  ... and %d more\n", len(f.Violations)-i)
			break
		}
		fmt.Fprintf(b, "  %.3fs  %s: %s\n", v.At.Seconds(), v.Checker, v.What)
	}
	return b.String()
}

// outline is the size of the run.
func (f *Failure) outline() string {
	c := f.Result.Config
	return fmt.Sprintf("nodes: %d, clients: %d, calls: %d answered and %d not, faults: %s", c.Nodes, c.Clients,
		f.Result.OK, f.Result.Failed, f.faults())
}

// events are the last lines of the timeline, up to the first violation.
func (f *Failure) events() string {
	list := f.Result.Timeline
	if i := slices.IndexFunc(list, func(h sim.Happening) bool { return h.What == "violation" }); i >= 0 {
		list = list[:i+1]
	}
	if skipped := len(list) - linesShown; skipped > 0 {
		return fmt.Sprintf("what happens, without the first %d lines:\n%s", skipped, lines(list[skipped:]))
	}
	return "what happens:\n" + lines(list)
}

func (f *Failure) faults() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Result.Faults)) {
		out = append(out, fmt.Sprintf("%s %d", name, f.Result.Faults[name]))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func lines(list []sim.Happening) string {
	b := new(strings.Builder)
	for _, h := range list {
		fmt.Fprintf(b, "%v\n", h)
	}
	return b.String()
}

// reproduce is the command that runs a seed of a test again. It works anywhere in the test's module.
func reproduce(seed uint64, test string) string {
	var pattern []string
	for name := range strings.SplitSeq(test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	folder := "./..."
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasSuffix(info.Path, ".test") {
		folder = strings.TrimSuffix(info.Path, ".test")
	}
	return fmt.Sprintf("to see all of it:\n  %s=%d go test -run '%s' %s", seedVar, seed, strings.Join(pattern, "/"),
		folder)
}

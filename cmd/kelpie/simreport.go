// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// violationsShown bounds what people are told of a run: the rest is in its JSON.
const violationsShown = 20

// simReport prints what comes of runs.
type simReport struct {
	w      io.Writer
	format format
	style  style
	// asked are the options of all runs.
	asked sim.Options
	// single says that there is one run, of which all is told.
	single, timeline bool
}

// shows reports whether anything is printed of a run.
func (p *simReport) shows(r *sim.Result) bool {
	return p.single || r.Caught() || p.format == formatJSON || p.format == formatYAML
}

// run prints a run that was asked for.
func (p *simReport) run(o campaign.Outcome) error {
	asked := p.asked
	asked.Seed = o.Result.Config.Seed
	timeline := p.timeline && (p.single || o.Result.Caught())
	if timeline {
		o.Result = traced(o.Result)
	}
	return p.print(newSimRow(o, asked, timeline), p.single)
}

// shrunk prints the run that a failed one was shrunk to.
func (p *simReport) shrunk(o campaign.Outcome) error {
	row := newSimRow(o, o.Result.Config.Options(), p.timeline)
	row.Shrunk = true
	return p.print(row, true)
}

// traced returns the run with its timeline, made again if need be.
func traced(r *sim.Result) *sim.Result {
	if r.Config.Trace {
		return r
	}
	c := r.Config
	c.Trace = true
	again := sim.RunConfig(c)
	again.Violations = r.Violations
	return again
}

func (p *simReport) print(row simRow, all bool) error {
	switch p.format {
	case formatJSON, formatYAML:
		return p.document(row)
	case formatName:
		if len(row.Violations) == 0 || row.Shrunk {
			return nil
		}
		_, err := fmt.Fprintln(p.w, row.Seed)
		return err
	}
	if !all && len(row.Violations) == 0 {
		return nil
	}
	var b strings.Builder
	for _, line := range row.Timeline {
		b.WriteString(cli.OneLine(line) + "\n")
	}
	p.outcome(&b, &row)
	if all {
		details(&b, &row)
	}
	if len(row.Violations) > 0 {
		b.WriteString("  " + row.Command + "\n")
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

// document prints a run as JSON or YAML: one after the other, each for itself, so that a campaign can be followed.
func (p *simReport) document(row simRow) error {
	if p.format == formatYAML {
		if _, err := io.WriteString(p.w, "---\n"); err != nil {
			return err
		}
	}
	printer := newPrinter(p.w, p.format, p.style, simListing, true)
	if err := printer.rows([]simRow{row}); err != nil {
		return err
	}
	return printer.end()
}

// outcome says what became of a run, with what it broke.
func (p *simReport) outcome(b *strings.Builder, row *simRow) {
	verdict := p.style.in(sgrGreen, "every promise held")
	if n := len(row.Violations); n > 0 {
		verdict = p.style.in(sgrRed, human.Counted(n, "violation"))
	}
	smallest := ""
	if row.Shrunk {
		smallest = ", the smallest run found"
	}
	fmt.Fprintf(b, "seed %d%s: %s\n", row.Seed, smallest, verdict)
	for i, v := range row.Violations {
		if i == violationsShown {
			fmt.Fprintf(b, "  ... and %d more: -o json has all\n", len(row.Violations)-i)
			break
		}
		fmt.Fprintf(b, "  at %.3fs  %s: %s\n", v.AtSeconds, v.Checker, indented(v.What))
	}
}

// indented makes text from anywhere safe for a terminal, on as many lines as it has.
func indented(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = cli.OneLine(strings.ReplaceAll(lines[i], "\t", "  "))
	}
	return strings.Join(lines, "\n      ")
}

// details tells all of a run.
func details(b *strings.Builder, row *simRow) {
	fmt.Fprintf(b, "  calls    %d answered, %d not\n", row.CallsOK, row.CallsFailed)
	fmt.Fprintf(b, "  faults   %s\n", faultsText(row.Faults))
	fmt.Fprintf(b, "  time     %.1fs simulated in %.2fs, %d steps\n", row.SimSeconds, row.WallSeconds, row.Steps)
	fmt.Fprintf(b, "  trace    %s\n", row.TraceHash)
	if row.Undecided > 0 {
		fmt.Fprintf(b, "  unjudged %s, whose history has too many orders\n", human.Counted(row.Undecided, "actor"))
	}
	if row.Command != "kelpie sim "+row.Choices {
		fmt.Fprintf(b, "  choices  %s\n", row.Choices)
	}
}

func faultsText(faults map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		out = append(out, fmt.Sprintf("%s %d", name, faults[name]))
	}
	return cmp.Or(strings.Join(out, ", "), sim.None)
}

// summary prints what came of all runs, for people. due is how many were asked for, or 0.
func (p *simReport) summary(s campaign.Summary, due int) error {
	if p.format != formatTable && p.format != formatWide {
		return nil
	}
	var b strings.Builder
	verdict := p.style.in(sgrGreen, "every promise held")
	if s.Failed > 0 {
		verdict = p.style.in(sgrRed, fmt.Sprintf("%d broke a promise", s.Failed))
	}
	ran := human.Counted(s.Seeds, "seed")
	if s.Seeds < due { // stopped before its end
		ran = fmt.Sprintf("%d of %s", s.Seeds, human.Counted(due, "seed"))
	}
	fmt.Fprintf(&b, "%s from %d on: %s\n", ran, p.asked.Seed, verdict)
	fmt.Fprintf(&b, "  calls    %d answered, %d not\n", s.OK, s.Unanswered)
	fmt.Fprintf(&b, "  faults   %s\n", faultsText(s.Faults))
	fmt.Fprintf(&b, "  time     %v simulated in %v, %d steps\n", s.Simulated.Round(time.Second),
		s.Wall.Round(10*time.Millisecond), s.Steps)
	if s.Undecided > 0 {
		fmt.Fprintf(&b, "  unjudged %s, whose history has too many orders\n", human.Counted(s.Undecided, "actor"))
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

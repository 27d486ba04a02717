// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

var testSimRow = simRow{
	Seed: 7, TraceHash: "00000000000000ff", SimSeconds: 12.34, WallSeconds: 0.5, Steps: 100, CallsOK: 3,
	CallsFailed: 1, Undecided: 2,
	Faults:     map[string]int{"cut": 1, "crash": 2},
	Violations: []simViolationRow{{"panic", 1.5, "no\x1b way\n\tat main"}},
	Command:    "kelpie sim --seed 7", Choices: "--seed 7 --nodes 3",
}

// TestSimReport shows what people read of a run, alone and among many.
func TestSimReport(t *testing.T) {
	const broken = `seed 7: 1 violation
  at 1.500s  panic: no\u001b way
        at main
`
	const details = `  calls    3 answered, 1 not
  faults   crash 2, cut 1
  time     12.3s simulated in 0.50s, 100 steps
  trace    00000000000000ff
  unjudged 2 actors, whose history has too many orders
  choices  --seed 7 --nodes 3
`
	for all, want := range map[bool]string{
		true:  broken + details + "  kelpie sim --seed 7\n",
		false: broken + "  kelpie sim --seed 7\n",
	} {
		var b strings.Builder
		p := &simReport{w: &b, format: formatTable}
		if err := p.print(testSimRow, all); err != nil || b.String() != want {
			t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
		}
	}
}

// TestSimReportIsBounded shows that a run with very many violations does not drown the others.
func TestSimReportIsBounded(t *testing.T) {
	row := testSimRow
	row.Violations = make([]simViolationRow, violationsShown+5)
	var b strings.Builder
	if err := (&simReport{w: &b, style: style{colour: true}}).print(row, false); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines != violationsShown+3 ||
		!strings.Contains(b.String(), "and 5 more") || !strings.Contains(b.String(), sgrRed) {
		t.Errorf("%s", b.String())
	}
}

// TestSimDeterminismCommand shows that what breaks only when a seed is run twice is reproduced by running it twice.
func TestSimDeterminismCommand(t *testing.T) {
	r := &sim.Result{Violations: []sim.Violation{{Checker: campaign.Determinism}}}
	if got := newSimRow(campaign.Outcome{Result: r}, sim.Options{Seed: 3},
		false).Command; got != "kelpie sim --seed 3 --check-determinism" {
		t.Error(got)
	}
}

// TestSimProgress shows that a terminal has a line that is written over, and anything else a line now and then.
func TestSimProgress(t *testing.T) {
	r := terminal{interactive: true}.sim("--seeds", "2")
	if r.code != cli.ExitOK || !strings.HasPrefix(r.stderr, clearLine+"1 of 2 seeds, 0 failed") ||
		!strings.HasSuffix(r.stderr, clearLine) {
		t.Errorf("%+v", r)
	}
	if r = (terminal{interactive: true}).sim("--seed", "2"); r.stderr != "" {
		t.Errorf("%+v", r)
	}

	var b strings.Builder
	p := &simProgress{progress: &progress{w: &b, elsewhere: simProgressElsewhere, shown: time.Now()}, began: time.Now()}
	held := &sim.Result{}
	for range 3 {
		if err := p.ran(held); err != nil {
			t.Fatal(err)
		}
	}
	p.shown = p.shown.Add(-2 * simProgressElsewhere)
	if err := p.ran(&sim.Result{Violations: []sim.Violation{{}}}); err != nil {
		t.Fatal(err)
	}
	p.clear()
	if b.String() != "4 seeds, 1 failed, 0s\n" {
		t.Errorf("%q", b.String())
	}
}

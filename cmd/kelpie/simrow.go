// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// simRow is the JSON of a run.
type simRow struct {
	Seed        uint64            `json:"seed"`
	TraceHash   string            `json:"trace_hash"`
	SimSeconds  float64           `json:"sim_seconds"`
	WallSeconds float64           `json:"wall_seconds"`
	Steps       uint64            `json:"steps"`
	CallsOK     int               `json:"calls_ok"`
	CallsFailed int               `json:"calls_failed"`
	Undecided   int               `json:"undecided"`
	Faults      map[string]int    `json:"faults"`
	Violations  []simViolationRow `json:"violations"`
	Command     string            `json:"command"`
	Choices     string            `json:"choices"`
	Shrunk      bool              `json:"shrunk"`
	Timeline    []string          `json:"timeline,omitempty"`
}

// simViolationRow is a broken promise.
type simViolationRow struct {
	Checker   string  `json:"checker"`
	AtSeconds float64 `json:"at_seconds"`
	What      string  `json:"what"`
}

var simListing = listing[simRow]{fields: []field[simRow]{
	{key: "seed", meaning: "the seed"},
	{key: "trace_hash", meaning: "hash that runs with the same steps share, in hexadecimal"},
	{key: "sim_seconds", meaning: "simulated time of the run"},
	{key: "wall_seconds", meaning: "real time of the run"},
	{key: "steps", meaning: "number of steps"},
	{key: "calls_ok", meaning: "calls that were answered"},
	{key: "calls_failed", meaning: "calls that failed, as calls do under faults"},
	{key: "undecided", meaning: "actors whose history could not be judged in time"},
	{key: "faults", meaning: "how often each kind of fault struck"},
	{key: "violations", meaning: "broken promises, each with checker, at_seconds (simulated) and what"},
	{key: "command", meaning: "the command that repeats the run"},
	{key: "choices", meaning: "everything that was drawn, as flags"},
	{key: "shrunk", meaning: "whether --shrink found this run, rather than you asking for it"},
	{key: "timeline", meaning: "the lines of --timeline, if you passed it"},
}}

// newSimRow returns the row that describes a run with these options.
func newSimRow(o campaign.Outcome, asked sim.Options, timeline bool) simRow {
	r := o.Result
	row := simRow{
		Seed: r.Config.Seed, TraceHash: fmt.Sprintf("%016x", r.TraceHash),
		SimSeconds: seconds(r.Elapsed), WallSeconds: seconds(o.Wall), Steps: r.Steps,
		CallsOK: r.OK, CallsFailed: r.Failed, Undecided: r.Undecided,
		Faults: map[string]int{}, Violations: []simViolationRow{},
		Command: "kelpie sim " + asked.Flags(), Choices: r.Config.Options().Flags(),
	}
	for name, n := range r.Faults { //kelpie:unordered it goes from map to map
		row.Faults[name] = n
	}
	for _, v := range r.Violations {
		row.Violations = append(row.Violations, simViolationRow{v.Checker, seconds(v.At), v.What})
	}
	if r.Caught(campaign.Determinism) {
		row.Command += " --check-determinism"
	}
	if timeline {
		for _, h := range r.Timeline {
			row.Timeline = append(row.Timeline, h.String())
		}
	}
	return row
}

// seconds keeps what can be told of a time: microseconds.
func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }

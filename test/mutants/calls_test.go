// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

const batchFile = "pkg/node/batch.go"

// What several mutants are made of.
var (
	deadlineIgnored = change{batchFile, "	if now >= c.runBy() {", "	if now >= c.runBy() && false {"}
	contextIgnored  = change{batchFile, "	if err := ctx.Err(); err != nil {\n		return answer{",
		"	if err := ctx.Err(); err != nil && false {\n		return answer{"}
)

// impatient are runs of callers that do not wait, on a cluster that nothing befalls.
var impatient = []string{"--profile", "default", "--workloads", "impatient", "--faults", "none"}

// calls are what can be wrong with the calls that wait for their actor.
var calls = []mutant{
	{
		name: "deadline-ignored", what: "calls run whose deadline has passed while they waited",
		changes: []change{deadlineIgnored, contextIgnored},
		flags:   impatient,
		caught:  []string{"deadlines"},
	},
	{
		name: "given-up-calls-run", what: "calls run whose callers have given them up while they waited",
		changes: []change{contextIgnored},
		flags:   impatient,
		caught:  []string{"deadlines"},
	},
	{
		name: "deadline-left-to-callers", what: "calls run whose deadline has passed while they waited, unless word " +
			"comes that their callers have given them up",
		changes: []change{
			deadlineIgnored, {batchFile, "	if err := ctx.Err(); err != nil {\n		return answer{",
				"	if err := ctx.Err(); errors.Is(err, context.Canceled) {\n		return answer{"}},
		flags:  []string{"--profile", "default", "--workloads", "impatient"}, // with faults, for such a word to be lost
		caught: []string{"deadlines"},
	},
	{
		name: "deadline-seen-by-context", what: "the deadline of a call is not looked at before it runs: its context " +
			"is, which knows it",
		changes: []change{deadlineIgnored},
		flags:   impatient,
	},
	{
		name: "deadline-not-forwarded", what: "a call that is sent on to another node has time for ever",
		changes: []change{
			{routerFile, "	r.node.pool.Start(c.deadline, addr",
				"	r.node.pool.Start(c.deadline+defaultDeadline, addr"}},
		flags:  impatient,
		caught: []string{"deadlines"},
	},
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

// What several mutants are made of.
var (
	deadlineIgnored = change{"pkg/node/internal/activation/batch.go", "\tif now >= c.RunBy() {",
		"\tif now >= c.RunBy() && false {"}
	contextIgnored = change{"pkg/node/internal/activation/batch.go",
		"\tif err := ctx.Err(); err != nil {\n\t\treturn call.Answer{",
		"\tif err := ctx.Err(); err != nil && false {\n\t\treturn call.Answer{"}
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
			deadlineIgnored, {"pkg/node/internal/activation/batch.go", "\tif err := ctx.Err(); err != nil {\n" +
				"\t\treturn call.Answer{",
				"\tif err := ctx.Err(); errors.Is(err, context.Canceled) {\n\t\treturn call.Answer{"}},
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
			{"pkg/node/internal/router/router.go", " := r.Pool.StartBy(c.PlacedBy(), c.Deadline, addr",
				" := r.Pool.StartBy(c.PlacedBy(), c.Deadline+call.DefaultDeadline, addr"}},
		flags:  impatient,
		caught: []string{"deadlines"},
	},
	{
		name: "cancel-lost-on-forward", what: "a call that was sent to another node goes on there when its caller " +
			"gives it up",
		changes: []change{
			{"pkg/node/internal/router/router.go", "	if out != nil {\n		out.begun(cancel)",
				"	if out != nil {\n		_ = cancel"}},
		test: "TestACallerThatGivesUpEndsTheHandlerWhereverItRuns",
	},
	{
		name: "cancel-lost-in-asking", what: "what a handler asks of another actor goes on when the handler's " +
			"caller gives up",
		changes: []change{{"pkg/node/internal/activation/outbound.go", "	child.GivenUpWith(ctx)\n", ""}},
		test:    "TestACallerThatGivesUpEndsTheHandlerWhereverItRuns",
	},
	{
		name: "search-goes-on", what: "a node looks for an actor whose caller has gone",
		changes: []change{
			{"pkg/node/internal/router/router.go", "	if c.Gone == nil || !c.Gone() {",
				"	if c.Gone == nil || !c.Gone() || true {"}},
		test: "TestACallerThatGivesUpEndsTheSearchForANode",
	},
	{
		name: "told-too-late", what: "a caller whose call could not be sent hears of that at its deadline",
		changes: []change{{"pkg/node/service.go",
			"deadline - min((deadline-entered)/call.AnswerTripPart, call.AnswerTripMax)", "deadline"}},
		test: "TestWhatWasNeverSentIsUnavailable",
	},
	{
		name: "dead-taken-for-unreachable", what: "a dead node is reported as one that can't be reached",
		changes: []change{{"pkg/node/internal/membership/reach.go",
			" || !r.Members.lives(s.node.ID, s.since) {", " {"}},
		test: "TestADeadNodeDoesNotCountAsUnreachable",
	},
	{
		name: "fenced-by-opinion", what: "one member that can't reach a node has it fenced",
		changes: []change{{"pkg/registry/unreachable.go", "	return 2*votes > members, nil",
			"	return votes > 0, nil"}},
		test: "TestANodeThatMostCannotReachIsFencedIfToldTo",
	},
	{
		name: "both-fenced", what: "two members that can't reach each other fence each other",
		changes: []change{{"pkg/registry/unreachable.go", "		return votes == 1 && !stays, nil",
			"		return votes == 1 && (!stays || true), nil"}},
		test: "TestOfTwoNodesThatCannotReachEachOtherOneStays",
	},
	{
		name: "put-off-for-good", what: "the times of alarms that a wrong clock has put off stay as they are",
		changes: []change{{"pkg/node/internal/call/bringback.go",
			"	if next.Retry == al.Retry && next.Due.Equal(al.Due) {", "	if next.Retry != 1 {"}},
		test: "TestAClockThatWasAheadSilencesNoAlarm",
	},
	{
		name: "later-state-refused-for-good", what: "a node fails the calls of actors whose states others can read",
		changes: []change{{"pkg/node/internal/activation/stateversion.go", "	if known >= version {",
			"	if known >= version && false {"}},
		test: "TestNodesOfTwoVersionsOfAStateServeAllActors",
	},
}

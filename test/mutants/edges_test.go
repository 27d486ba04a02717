// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

// Files of the product that only the mutants of this file change.
const (
	restoreFile      = "pkg/registry/restore.go"
	restoredPartFile = "pkg/node/internal/state/stored.go"
	trialFile        = "pkg/registry/trial.go"
	stateFile        = "pkg/node/internal/state/struct.go"
	membershipFile   = "pkg/registry/membership.go"
)

// The workloads and faults that the mutants of this file are looked for by.
var (
	restoring = []string{"--profile", "default", "--workloads", "restore"}
	outgrown  = []string{"--profile", "default", "--workloads", "huge"}
	poisoned  = []string{"--profile", "default", "--workloads", "poison"}
	stopping  = []string{"--faults", "leave", "--workloads", "nest"}
	leaving   = []string{"--faults", "leave", "--workloads", "cold,counter,chime,again,shift,nest"}
	rejoining = []string{"--profile", "default", "--workloads", "counter", "--faults", "rejoin"}
)

// edges are what can be wrong where things rarely go: restores, limits, harmful actors, stops and rejoins.
var edges = []mutant{
	{
		name: "restored-numbers-stay", what: "after a restore the numbers of commits begin where the backup has them",
		changes: []change{{restoreFile, "	m.Commits = min(sum.Commits, commitsMax) + CommitsRaised\n",
			"	m.Commits = 0\n"}},
		flags: restoring, caught: []string{"tokens", "once"},
	},
	{
		name: "restored-tokens-begin-again", what: "an actor that is not in the backup begins again with token 1",
		changes: []change{{claimFile, "max(old.Token, m.Meta.Tokens)+1", "old.Token+1"}},
		flags:   restoring, caught: []string{"tokens"},
	},
	{
		name: "restored-marks-forgotten", what: "a restored receiver does not know which messages it has handled",
		changes: []change{{restoredPartFile, "		part := registry.RestoredPart{Value: m.Encode()}\n",
			"		part := registry.RestoredPart{}\n"}},
		flags: restoring, caught: []string{"once"},
	},
	{
		name: "never-guilty", what: "an actor is quarantined only after many findings",
		changes: []change{{trialFile, "	return len(q.Findings) > 1 && ", "	return len(q.Findings) > 5 && "}},
		flags:   poisoned, caught: []string{"quarantine"},
	},
	{
		name: "state-limit-doubled", what: "a state of up to 2 MiB is accepted",
		changes: []change{
			{stateFile, "	if len(encoded) > stateBytesMax {", "	if len(encoded) > 2*stateBytesMax {"}},
		flags: outgrown, caught: []string{"linearizable"},
	},
	{
		name: "too-large-is-kept", what: "what a call has written that does not fit a transaction stays in memory",
		changes: []change{{"pkg/node/internal/activation/batch.go", "\"transaction: %v\", a.Actor, " +
			"call.Clip(c.Method), err)}\n	if err := " +
			"a.revert(); err != nil {\n		return err\n	}\n",
			"\"transaction: %v\", a.Actor, call.Clip(c.Method), err)}\n"}},
		flags: outgrown, caught: []string{"linearizable", "liveness", "errors"},
	},
	{
		name: "stop-refuses-all", what: "a node that stops refuses what its own handlers ask",
		changes: []change{{"pkg/node/internal/mailbox/mailbox.go", "	if d.stopping && (d.closed || !d.awaited(c)) {",
			"	if d.stopping {"}},
		flags: stopping, caught: append([]string{"moves"}, told...),
	},
	{
		name: "stop-keeps-the-idle", what: "a node that stops keeps its idle actors while a handler runs",
		changes: []change{
			{"pkg/node/internal/host/release.go", "			h.releaseIdle(ctx)", "			_ = h.releaseIdle"},
			{"pkg/node/internal/mailbox/mailbox.go", "d.retiring.Store(true)", "d.retiring.Store(false)"},
		},
		flags: leaving, caught: []string{"moves"},
	},
	{
		name: "rejoin-is-strange", what: "a process that has joined again without knowing, and was fenced since, " +
			"takes itself for another",
		changes: []change{{membershipFile, "append([]Incarnation{spec.Replaces}, tried...)",
			"[]Incarnation{spec.Replaces}"}},
		flags: rejoining, caught: []string{"exits"},
	},
}

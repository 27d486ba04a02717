// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

// later are what can be wrong with what actors do later.
var later = []mutant{
	{
		name: "sent-before-the-commit", what: "a message is sent when the handler says so, and not when that is " +
			"committed",
		changes: []change{{
			"pkg/node/internal/activation/scheduler.go", "\treturn p.a.send(&state.Message{Target: id, Method: " +
				"method, Body: request, Since: p.a.parts.Env.Now().UnixMilli()})\n",
			"\tp.a.parts.router.route(&call{\n\t\tactor: id, Method: method, Body: request, context: p.a.parts.life, " +
				"deadline: p.a.parts.Env.Monotonic() + defaultDeadline,\n\t\tfinish: func([]byte, string, error) " +
				"{},\n\t})\n\treturn nil\n",
		}},
		flags:  []string{"--profile", "default", "--workloads", "send", "--faults", "crash-commit,migrate"},
		caught: []string{"due"},
	},
	{
		name: "handed-over-without-its-agenda", what: "the target does not get to know of alarms and messages",
		changes: []change{
			{"pkg/node/internal/activation/snapshots.go", "slices.Concat(a.schedule.Entries(), a.dedup",
				"slices.Concat(a.dedup"}},
		flags:  []string{"--workloads", "send,alarm", "--faults", "migrate"},
		caught: []string{"due"},
	},
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

const attendFile = "pkg/node/attend.go"

// later are what can be wrong with what actors do later.
var later = []mutant{
	{
		name: "sent-before-the-commit", what: "a message is sent when the handler says so, and not when that is " +
			"committed",
		changes: []change{{
			attendFile, "	return p.a.send(&message{target: id, method: method, body: request, since: " +
				"p.a.node.env.Now().UnixMilli()})\n",
			`	p.a.node.router.route(&call{
		actor: id, method: method, body: request, context: p.a.node.life, deadline: p.a.node.env.Monotonic() + defaultDeadline,
		finish: func([]byte, string, error) {},
	})
	return nil
`,
		}},
		flags:  []string{"--profile", "default", "--workloads", "send", "--faults", "crash-commit,migrate"},
		caught: []string{"due"},
	},
	{
		name: "handed-over-without-its-agenda", what: "the target does not get to know of alarms and messages",
		changes: []change{
			{"pkg/node/parcel.go", "slices.Concat(a.agenda.entries(), a.ledger", "slices.Concat(a.ledger"}},
		flags:  []string{"--workloads", "send,alarm", "--faults", "migrate"},
		caught: []string{"due"},
	},
}

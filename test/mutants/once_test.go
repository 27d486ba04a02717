// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

// Files of the product.
const (
	callKeyFile   = "pkg/api/callkey.go"
	keysFile      = "internal/callkey/keys.go"
	claimFile     = "pkg/registry/claim.go"
	commitFile    = "pkg/registry/commit.go"
	sharedDueFile = "pkg/registry/due.go"
)

// The workloads that the mutants of this file are looked for by, each alone.
var (
	nest  = []string{"--profile", "default", "--workloads", "nest"}
	mail  = []string{"--profile", "default", "--workloads", "mail"}
	chime = []string{"--profile", "default", "--workloads", "chime"}
	wipe  = []string{"--profile", "default", "--workloads", "wipe"}
	// busy are lists that every client calls without a pause.
	busy = []string{"--profile", "default", "--workloads", "hot,list"}
)

// told are the checkers of what callers were told.
var told = []string{"once", "errors", "liveness", "refusals"}

// once are what can be wrong with what must happen once: calls and those that handlers make, messages, alarms, and
// what decides about them.
var once = []mutant{
	// Keys and records of calls.
	{
		name: "open-call-acknowledged", what: "a client's oldest open call is taken for one whose answer it has",
		changes: []change{
			{"pkg/node/internal/dedup/table.go", "\t\tif r.Key.Counter < k.Settled(r.Key.Path != \"\") &&",
				"\t\tif r.Key.Counter <= k.Settled(r.Key.Path != \"\") &&"}},
		flags: nest, caught: told,
	},
	{
		name: "newest-call-acknowledges", what: "a client says with each call that it has the answers of all before, " +
			"though some are open",
		changes: []change{{keysFile, "	return o.calls[0]\n", "	return counter\n"}},
		flags:   nest, caught: told,
	},
	{
		name: "children-share-a-key", what: "all calls that a handler makes have the same place in its key",
		changes: []change{
			{callKeyFile, "	k.Path += \"/\" + strconv.Itoa(n)", "	k.Path += \"/\" + strconv.Itoa(0*n)"}},
		flags: nest, caught: told,
	},
	{
		name: "child-is-its-parent", what: "the records of calls that handlers make are stored as those of the calls " +
			"that they handle",
		changes: []change{
			{"internal/statekeys/keys.go", "\tif k.Path != \"\" {\n\t\tt = append(t, k.Path)",
				"\tif false {\n\t\tt = append(t, k.Path)"}},
		flags: nest, caught: told,
	},
	{
		name: "failures-unrecorded", what: "a call that an actor has refused runs again when it is repeated",
		changes: []change{
			{"pkg/node/internal/dedup/table.go", "\t\tif api.CodeOf(a.Err) != api.CodeApplication {",
				"\t\tif api.CodeOf(a.Err) != api.CodeOK {"}},
		flags: nest, caught: told,
	},
	{
		name: "failure-told-as-success", what: "a repeat of a call that was refused is told that it was done",
		changes: []change{
			{"pkg/node/internal/dedup/entry.go", "\tcase r.err != nil:\n\t\treturn call.Answer{Call: c, Err: r.err}",
				"\tcase r.err != nil:\n\t\treturn call.Answer{Call: c, body: []byte{0xa1, '1'}}"}},
		flags: nest, caught: told,
	},
	{
		name: "records-left-behind", what: "a moving actor does not take its records along",
		changes: []change{{"pkg/node/internal/activation/snapshots.go", "a.dedup.Entries(), a.Struct",
			"a.Struct"}},
		flags: []string{"--profile", "default", "--workloads", "nest", "--faults",
			"migrate,loss,unknown-done,crash,partition"}, caught: told,
	},
	{
		name: "other-request-answered", what: "a key that was used for another request answers that one's reply",
		changes: []change{
			{"pkg/node/internal/dedup/entry.go", "\tcase r.request != RequestHash(c):",
				"\tcase r.request != RequestHash(c) && false:"},
			{callKeyFile, "	k.Path += \"/\" + strconv.Itoa(n)", "	k.Path += \"/\" + strconv.Itoa(0*n)"}},
		flags: nest, caught: told,
	},
	// Calls that handlers make.
	{
		name: "asks-before-the-commit", what: "a handler asks another actor before the calls that ran before it are " +
			"committed",
		changes: []change{{"pkg/node/internal/activation/outbound.go", "\tif !a.outbound.first {",
			"\tif false {"}},
		flags: nest, caught: told,
	},
	{
		name: "half-done-is-not-run", what: "a handler that has asked another actor and then fails is told to have " +
			"done nothing",
		changes: []change{{"pkg/node/internal/activation/outbound.go", "\tif s.asked == 0 || !call.NotRun(err) {",
			"\tif true {"}},
		flags: nest, caught: told,
	},
	{
		name: "chain-forgotten", what: "a call knows only of the actor that made it, and not of those that wait for " +
			"that",
		changes: []change{
			{"pkg/node/internal/activation/outbound.go", "Chain: append(slices.Clone(c.Chain), a.Actor), Body",
				"Chain: []api.ActorID{a.Actor}, Body"}},
		flags: nest, caught: told,
	},
	// Messages.
	{
		name: "message-runs-again", what: "a message that comes once more runs once more",
		changes: []change{{"pkg/node/internal/activation/runs.go", "\tif c.Number <= last.Number {",
			"\tif c.Number < last.Number {"}},
		flags: mail, caught: told,
	},
	{
		name: "done-message-unmarked", what: "a message that was handled leaves no mark",
		changes: []change{
			{"pkg/node/internal/activation/runs.go",
				"		a.schedule.Inbox.Set(state.SourceOf(c), state.HighWater{Number: c.Number})",
				"		_ = state.HighWater{Number: c.Number}"}},
		flags: mail, caught: told,
	},
	{
		name: "given-up-at-once", what: "a receiver gives a message up at its first failure",
		changes: []change{
			{"pkg/node/internal/activation/runs.go", "\tcase c.Flags&api.InvokeLastTry != 0 && " +
				"call.CountsAsFailure(out.Err)",
				"\tcase call.CountsAsFailure(out.Err)"}},
		flags: mail, caught: told,
	},
	{
		name: "failed-message-is-delivered", what: "a message that has failed is taken for delivered",
		changes: []change{{"pkg/node/internal/schedule/outbox.go", "\tcase err == nil:\n\t\tc.results[m.Number] = " +
			"state.Delivery{Number: m.Number, Ended: true}",
			"\tcase err == nil || call.CountsAsFailure(err):\n" +
				"\t\tc.results[m.Number] = state.Delivery{Number: m.Number, Ended: true}"}},
		flags: mail, caught: told,
	},
	{
		name: "messages-of-failures-are-sent", what: "what a handler has sent goes out although it fails",
		changes: []change{
			{"pkg/node/internal/state/schedule.go", "\t\tg.Alarms, g.Sent = g.kept, g.Sent[:g.SentKept]",
				"\t\tg.Alarms = g.kept"}},
		flags: mail, caught: told,
	},
	{
		name: "messages-share-a-number", what: "all messages of one commit have the same number",
		changes: []change{{"pkg/node/internal/state/schedule.go", "\t\tm.Number = claim.NextCommit()<<numberBits | " +
			"uint64(i+1)\n\t\tif m.Origin",
			"\t\tm.Number = claim.NextCommit()<<numberBits | uint64(0*i+1)\n\t\tif m.Origin"}},
		flags: mail, caught: told,
	},
	{
		name: "courier-not-told", what: "what is sent while its actor is active is delivered by a later activation " +
			"alone",
		changes: []change{
			{"pkg/node/internal/state/schedule.go", "\tg.Deliveries.Committed(g.Next.settled, g.Sent, g.Drops)",
				"\tg.Deliveries.Committed(g.Next.settled, nil)"}},
		flags: mail, caught: told,
	},
	{
		name: "outbox-not-due", what: "an actor with messages alone has no entry in the list of what is due",
		changes: []change{{"pkg/node/internal/state/schedule.go", "\tif len(g.Next.outbox) > 0 || g.Due == " +
			"registry.DueAtOnce && now < g.Linger {",
			"\tif len(g.Next.outbox) < 0 {"}},
		flags:  []string{"--profile", "default", "--workloads", "send", "--faults", "crash,crash-commit"},
		caught: []string{"due"},
	},
	// Alarms.
	{
		name: "alarms-of-failures-are-set", what: "what alarms a handler has set stay although it fails",
		changes: []change{
			{"pkg/node/internal/state/schedule.go", "\t\tg.Alarms, g.Sent = g.kept, g.Sent[:g.SentKept]",
				"\t\tg.Sent = g.Sent[:g.SentKept]"}},
		flags: chime, caught: told,
	},
	{
		name: "alarm-stays", what: "an alarm that runs is not taken for done",
		changes: []change{
			{"pkg/node/internal/activation/batch.go", "\t\ta.schedule.Advance(c.Alarm, a.parts.Env.Now())",
				""}},
		flags: chime, caught: told,
	},
	{
		name: "alarm-buried-at-once", what: "an alarm goes to the dead letters at its first failure",
		changes: []change{{"pkg/node/internal/activation/runs.go", "\tif failed.Attempts < call.FailuresMax {",
			"\tif failed.Attempts < 1 {"}},
		flags: chime, caught: told,
	},
	{
		name: "failed-alarm-is-dropped", what: "an alarm that has failed too often is dropped, and there is no dead " +
			"letter",
		changes: []change{
			{"pkg/node/internal/activation/runs.go", "\t\ta.schedule.Bury(&registry.DeadLetter{",
				"\t\t(&schedule{}).Bury(&registry.DeadLetter{"}},
		flags: chime, caught: told,
	},
	{
		name: "failed-alarm-stays-failed", what: "an alarm that has failed does not run again",
		changes: []change{{"pkg/node/internal/activation/runs.go", "\t\ta.schedule.Put(failed)\n",
			"\t\ta.schedule.cancel(failed.Name)\n"}},
		flags: chime, caught: told,
	},
	{
		name: "cancelled-alarm-runs", what: "an alarm that was cancelled after it was found to be due runs",
		changes: []change{{"pkg/node/internal/activation/runs.go", "\tif a.schedule.Alarm(al.Name) != al {",
			"\tif false {"}},
		test: "TestAlarmThatAnotherOneCancelsDoesNotRun",
	},
	{
		name: "release-unseen", what: "nobody looks for what is due when an actor is released",
		changes: []change{{"pkg/node/internal/schedule/scanner.go", "\t} else if counted != s.counted {",
			"\t} else if false {"}},
		flags:  []string{"--profile", "default", "--workloads", "chime,alarm", "--faults", "none"},
		caught: []string{"due", "once"},
	},
	{
		name: "shards-unscanned", what: "a part of what is due is no node's to look after",
		changes: []change{{sharedDueFile, "		if best == self {", "		if best == self && shard%4 != 0 {"}},
		flags:   []string{"--profile", "default", "--workloads", "alarm", "--faults", "crash,leave"},
		caught:  []string{"due"},
	},
	// What makes one operation one, whatever runs again.
	{
		name: "deletion-unrecorded", what: "a deletion leaves no record: its repeat deletes what came after it",
		changes: []change{
			{"pkg/node/internal/activation/batch.go",
				"\tif !c.Key.IsZero() {\n\t\ta.dedup.Add(&out, a.Claim.Version())",
				"\tif false {\n\t\ta.dedup.Add(&out, a.Claim.Version())"}},
		flags: wipe, caught: []string{"lists", "linearizable"},
	},
	{
		name: "large-reply-forgotten", what: "a reply that is kept away from its record is not stored",
		changes: []change{{"pkg/node/internal/dedup/table.go", "\t\tout = append(out, r.bodyWrites()...)\n",
			""}},
		flags: []string{"--profile", "default", "--workloads", "large"}, caught: told,
	},
	{
		name: "parents-unnamed", what: "what two actors ask under one key of a caller has one key",
		changes: []change{{callKeyFile, "	if k.Name != \"\" || k.Path != \"\" {", "	if false {"}},
		flags:   []string{"--profile", "default", "--workloads", "pair"}, caught: told,
	},
	{
		name: "alarms-unnumbered", what: "an alarm that is set again for the same time has the key that it had",
		changes: []change{
			{"pkg/node/internal/call/alarm.go", "\tif al.Number != 0 {\n\t\ttext",
				"\tif false {\n\t\ttext"}},
		flags: []string{"--profile", "default", "--workloads", "again"}, caught: told,
	},
	{
		name: "behind-a-deletion", what: "calls that wait behind a deletion run on the activation that it has ended",
		changes: []change{{"pkg/node/internal/activation/batch.go", "\t\tif a.Destroyed {\n\t\t\treturn rest, true\n" +
			"\t\t}\n",
			""}},
		flags: wipe, caught: []string{"initialised", "linearizable", "lists"},
	},
	{
		name: "born-anew-in-doubt", what: "a call of which an answer was lost is born anew when it is refused for " +
			"its birth",
		changes: []change{{"pkg/client/persist.go", "ok && !lost && c.wait", "ok && c.wait"},
			{"pkg/node/internal/call/call.go", "		err = WithoutBirth(err)\n", ""}},
		flags: nest, caught: told,
	},
	// Claims and commits.
	{
		name: "doubt-is-refusal", what: "a commit of which nobody knows what became of it is taken for one that did " +
			"not happen",
		// After a commit that may still land the next claim comes after it, and the call's record shows that it has
		// run: only a caller that gives up in between is told something else. So the other place is changed, too.
		changes: []change{
			{commitFile, "			return errInDoubt(c.actor) // it may still land",
				"			return errLost(c.actor) // it may still land"},
			{commitFile, "			if !unknown {\n				ended = errLost",
				"			if true {\n				ended = errLost"}},
		flags: []string{"--profile", "default", "--workloads", "list,transfer", "--faults",
			"outage,unknown-done,crash"},
		caught: []string{"lists", "linearizable", "conservation"},
	},
	{
		name: "seq-unwritten", what: "a commit of a state does not raise its number",
		changes: []change{{commitFile, "	tx.Set(seq, encodeRecord(&next)) // R1\n", ""}},
		flags:   busy, caught: []string{"single-activation", "lists", "linearizable", "liveness"},
	},
	{
		name: "released-without-its-token", what: "a released claim loses its token",
		changes: []change{
			{claimFile, "tx.Set(claimKey(c.actor), encodeRecord(&claimRecord{Token: c.token}))",
				"tx.Set(claimKey(c.actor), encodeRecord(&claimRecord{}))"}},
		flags: busy, caught: []string{"tokens", "single-activation"},
	},
	{
		name: "broken-without-a-token", what: "a claim that is broken keeps its token",
		changes: []change{
			{claimFile, "encodeRecord(&claimRecord{Token: now.Token + 1}))\n		attend",
				"encodeRecord(&claimRecord{Token: now.Token}))\n		attend"}},
		flags:  []string{"--profile", "default", "--workloads", "hot,list", "--faults", "break-claim"},
		caught: []string{"tokens", "single-activation"},
	},
}

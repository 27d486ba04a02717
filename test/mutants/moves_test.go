// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

// Files of the product.
const (
	handoverFile = "pkg/registry/handover.go"
)

// durable are runs without volatile actors.
var durable = []string{"--workloads", "counter,register,list,kv,transfer"}

// What several mutants are made of.
var (
	// The source sends what it sent the time before.
	stalePacked = change{"pkg/node/internal/migration/move.go", "\tp := a.Pack()\n",
		"\tp := a.Pack()\n\tif old := lastPacked[m.actor]; old != nil {\n\t\tp = old\n\t}\n\tif a.Struct.Bytes() > 0 " +
			"{\n\t\tlastPacked[m.actor] = a.Pack()\n\t}\n"}
	packedTable = change{"pkg/node/internal/migration/move.go", "// moved is how a move has ended well.",
		"var lastPacked = make(map[api.ActorID]*snapshot.Snapshot)\n\n// moved is how a move has ended well."}
	// A bit of what is sent along is flipped on its way.
	spoiled = change{"pkg/node/internal/migration/move.go", "	sum := snapshot.Sum(all)\n",
		"	sum := snapshot.Sum(all)\n	if len(all) > 60 && all[len(all)-1]%2 == 0 {\n" +
			"		all[len(all)*3/4] ^= 4\n	}\n"}
	sumIgnored = change{"pkg/node/internal/snapshot/arrivals.go", "Sum(all) != sum",
		"Sum(all) != sum && false"}
	seqIgnored = change{handoverFile, "		if c.Seq() != a.Seq {", "		if a.Seq.N == 0 && c.Seq() != a.Seq {"}
)

// moves are what can be wrong with moving an actor.
var moves = []mutant{
	{
		name: "handover-in-two-transactions", what: "the claim is given up in one transaction, and given to the " +
			"target in another",
		changes: []change{
			{handoverFile, "return struct{}{}, c.handOver(ctx, tx, to, move)", `if err := c.Release(ctx); err != nil {
				return struct{}{}, err
			}
			tx.Set(claimKey(c.actor), encodeRecord(&claimRecord{Node: to.Node, Incarnation: to.Incarnation, Token: c.token + 1, Move: move[:]}))
			return struct{}{}, nil`}},
		flags:  []string{"--workloads", "hot,counter,cold", "--faults", "migrate,slow-commit,break-claim"},
		caught: []string{"single-activation", "tokens"},
	},
	{
		name: "unknown-handover-resumed", what: "a handover of which nobody knows what became of it is taken for one " +
			"that failed",
		changes: []change{{handoverFile, "			doubt = true\n", "			return 0, " +
			"api.Errorf(api.CodeUnavailable, \"%v\", err)\n"}},
		flags:  []string{"--faults", "migrate,unknown-done,unknown-late", "--workloads", "counter,register"},
		caught: []string{"linearizable", "lists", "single-activation", "tokens"},
	},
	{
		name: "token-not-raised", what: "the target gets the source's token",
		changes: []change{{handoverFile, "Token: c.token + 1, Since", "Token: c.token, Since"}},
		caught:  []string{"tokens", "single-activation"},
	},
	{
		name: "stale-parcel", what: "what is sent along is of an earlier commit, and the store is not asked",
		changes: []change{stalePacked, packedTable, seqIgnored},
		flags:   durable,
		caught:  []string{"linearizable", "lists", "conservation", "single-activation"},
	},
	{
		name: "stale-parcel-read-again", what: "what is sent along is of an earlier commit: the store is read instead",
		changes: []change{stalePacked, packedTable},
		flags:   durable,
	},
	{
		name: "source-not-quiesced", what: "the source runs calls that come after it has packed",
		changes: []change{
			{"pkg/node/internal/migration/move.go", "\tif err = mv.transfer(a, m); err == nil {",
				"\tif err = mv.transfer(a, m); err == nil {\n\t\ta.process(mv.dispatcher.take(s))"}},
		flags:  []string{"--workloads", "session", "--faults", "migrate"},
		caught: []string{"sessions"},
	},
	{
		name: "active-before-the-handover", what: "the target activates the actor when it has what is sent along",
		changes: []change{
			{"pkg/node/internal/migration/move.go", "\tif err = mv.transfer(a, m); err == nil {",
				"\tif err = mv.transfer(a, m); err == nil {\n\t\tmv.tell(m, api.MethodMoveComplete)"},
			{handoverFile, "now.Node != node || now.Incarnation != inc || !bytes.Equal(now.Move, a.Move[:])",
				"!bytes.Equal(now.Move, a.Move[:]) && now.Node == node"},
			{handoverFile, "c.token, c.revocations = now.Token, own.Revocations",
				"c.token, c.revocations = now.Token+1, own.Revocations"},
		},
		caught: []string{"linearizable", "lists", "single-activation", "sessions"},
	},
	{
		name: "queue-dropped", what: "the calls that wait for a moving actor are forgotten",
		changes: []change{{"pkg/node/internal/migration/move.go", "\t\t\tmv.Router.Forward(c, m.to.Address, m.to.ID, " +
			"api.InvokeForwarded|api.InvokeMayClaim)\n",
			"\t\t\t_ = c\n"}},
		caught: []string{"moves", "liveness", "leaks"},
	},
	{
		name: "queue-reordered", what: "the calls that wait for a moving actor are sent on in another order",
		changes: []change{{"pkg/node/internal/migration/move.go", "range mv.Mailboxes.Take(s) {",
			"range backwards(mv.Mailboxes.Take(s)) {"}, {
			"pkg/node/internal/migration/move.go", "// moved is how",
			"func backwards(calls []*call.Call) []*call.Call {\n	for i, j := 0, len(calls)-1; " +
				"i < j; i, j = i+1, j-1 {\n		calls[i], calls[j] = calls[j], calls[i]\n	}\n	return calls\n" +
				"}\n\n// moved is how"}},
		test: "TestTheQueueOfAMovingActorKeepsItsOrder",
	},
	{
		name: "cache-never-corrected", what: "who knew where an actor was goes on asking there",
		changes: []change{
			{"pkg/node/internal/router/router.go", "\tr.cache.Put(id, addr)\n",
				"\tif _, ok := r.cache.Get(id); !ok {\n\t\tr.cache.Put(id, addr)\n\t}\n"},
			{"pkg/node/internal/router/router.go", "\tr.cache.Remove(id, addr)\n",
				""},
		},
		test: "TestAMoveCorrectsWhatOthersKnow",
	},
	{
		name: "checksum-ignored", what: "what is sent along is damaged, and its checksum not looked at",
		changes: []change{spoiled, sumIgnored},
		caught:  []string{"errors", "linearizable", "lists", "sessions", "conservation", "liveness", "moves", "panic"},
	},
	{
		name: "drain-forgets-an-actor", what: "of the actors of a node that is drained one is not looked at, and the " +
			"drain ends",
		changes: []change{
			{"pkg/node/internal/migration/job.go", "\tfor idle := 0; b.request.Kind == api.BulkDrain && err == nil &&",
				"\tfor idle := 0; false && err == nil &&"},
			{"pkg/node/internal/mailbox/mailbox.go", "\t\tif !s.waits && (namespace",
				"\t\tif s.newer != nil && !s.waits && (namespace"},
		},
		caught: []string{"moves"},
	},
}

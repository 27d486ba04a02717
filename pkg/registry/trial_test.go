// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var actorB = api.ActorID{Namespace: "counter", ID: "b"}

// of joins a node that runs a version of the program.
func (t *fixture) of(id, version string) *Member {
	t.Helper()
	m, err := t.Join(
		t.ctx, JoinSpec{Node: NodeInfo{ID: id, Address: id + ":1", Namespaces: []string{"counter"}, Version: version}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// try claims an actor for a call.
func (t *fixture) try(m *Member, id api.ActorID, a Attempt) Acquired {
	t.Helper()
	got, err := t.AcquireFor(t.ctx, m, id, a, []byte("s"), []byte("t"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// fence has a node fail.
func (t *fixture) fence(id string) {
	t.Helper()
	if f, err := t.BreakLease(t.ctx, id); err != nil || f == nil {
		t.Fatalf("node %s was not fenced: %v", id, err)
	}
}

// marks counts what is stored about trials: marks, and what is held against actors.
func (t *fixture) marks() (marks, held int) {
	t.Helper()
	tx := t.store.Store.Begin(kv.TxOptions{})
	defer tx.Cancel()
	count := func(kind string) int {
		begin, end := kindRange(kind)
		pairs, _, err := tx.Range(t.ctx, begin, end, kv.RangeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(pairs)
	}
	return count(kindTrial), count(kindQuarantine)
}

func (t *fixture) wantMarks(marks, held int) {
	t.Helper()
	if m, h := t.marks(); m != marks || h != held {
		t.Fatalf("%d marks and %d records of quarantine are stored, want %d and %d", m, h, marks, held)
	}
}

var first = Attempt{Method: "add", Mark: true}

// TestOnlyActorsOfFailedNodesAreSuspects shows who pays: not who is new, was released, was handed over or had left.
func TestOnlyActorsOfFailedNodesAreSuspects(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.try(n1, actorA, first).Claim
		if c.Trial() != nil {
			t.Fatal("a new actor is a suspect")
		}
		if err := c.Release(t.ctx); err != nil {
			t.Fatal(err)
		}
		if c = t.try(n1, actorA, first).Claim; c.Trial() != nil {
			t.Fatal("an actor that was released is a suspect")
		}
		if c = t.try(n1, actorA, first).Claim; c.Trial() != nil {
			t.Fatal("an actor that its owner claims again is a suspect")
		}
		if err := t.Leave(t.ctx, n1); err != nil {
			t.Fatal(err)
		}
		if c = t.try(n2, actorA, first).Claim; c.Trial() != nil {
			t.Fatal("an actor whose owner has left is a suspect")
		}
		n1 = t.join("n1")
		t.fence("n2")
		t.wantMarks(0, 0)
		if c = t.try(n1, actorA, first).Claim; !c.Trial().Marked() || !c.Trial().Due("get", false) ||
			c.Trial().Suspected() {
			t.Fatal("an actor whose owner has failed is no suspect")
		}
		t.wantMarks(1, 0)
		c.Trial().Returned("add")
		t.commit(c, "added")
		t.wantMarks(0, 0)
		if tr := c.Trial(); tr.Marked() || tr.Due("add", false) || !tr.Due("add", true) || !tr.Due("get", false) {
			t.Fatal("what has returned has not passed, or something else has")
		}
		// A process of the same name that takes over has not left in good order.
		again := t.join("n1")
		if c = t.try(again, actorA, Attempt{}).Claim; c.Trial() == nil || c.Trial().Marked() {
			t.Fatal("an actor whose owner was started again is no suspect, or is marked without permission")
		}
		// Who claims its own again, as it has dropped the activation, still has a suspect.
		if c = t.try(again, actorA, first).Claim; !c.Trial().Marked() {
			t.Fatal("a suspect is none any more when it is claimed again")
		}
		if err := c.Release(t.ctx); err != nil {
			t.Fatal(err)
		}
		t.wantMarks(0, 0)
	})
}

// TestWhatWasTwiceOnTrialIsQuarantined shows the shortest way: a call that was lost with one node, and is running
// when the next two end.
func TestWhatWasTwiceOnTrialIsQuarantined(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3, n6 := t.of("n1", "v1"), t.of("n2", "v1"), t.of("n3", "v1"), t.of("n6", "v1")
		old, next := t.of("n4", "v0"), t.of("n5", "v2")
		t.try(n1, actorA, first)
		t.fence("n1")
		if got := t.try(n2, actorA, Attempt{Method: "boom", Retry: true, Mark: true}); !got.Claim.Trial().Marked() {
			t.Fatal("no suspect")
		}
		t.fence("n2")
		got := t.try(n3, actorA, first)
		if got.Claim == nil || !got.Claim.Trial().Suspected() || got.Claim.Trial().Marked() {
			t.Fatalf("a node killed from outside suffices: %+v", got)
		}
		if err := got.Claim.BeginTrial(t.ctx, "boom", true, true); err != nil {
			t.Fatal(err)
		}
		t.fence("n3")
		for i := range 2 {
			got := t.try(n6, actorA, first)
			if got.Claim != nil || !got.Quarantine.Holds("v1") || got.Found != (i == 0) {
				t.Fatalf("claimed: %+v", got)
			}
			if err := got.Quarantine.Err(); err.Code != api.CodeQuarantined ||
				!strings.Contains(err.Error(), "it ended the process of node n3 while it ran method boom") ||
				!strings.Contains(err.Error(), "quarantine clear counter/a") {
				t.Fatal(err)
			}
		}
		t.wantMarks(2, 1)
		all, more, err := t.Quarantines(t.ctx, "", api.ActorID{}, 0)
		if err != nil || more || len(all) != 1 || all[0].Actor != actorA || all[0].Findings[0].Node != "n2" {
			t.Fatal(all, more, err)
		}
		// Other versions may, and what then returns refutes the finding.
		c := t.try(next, actorA, first).Claim
		if !c.Trial().Suspected() || c.Trial().Marked() || !c.Trial().Due("boom", false) {
			t.Fatalf("%+v", c.Trial())
		}
		if err := c.BeginTrial(t.ctx, "add", false, true); err != nil {
			t.Fatal(err)
		}
		c.Trial().Returned("add")
		t.commit(c, "added")
		t.wantMarks(2, 1) // add is not what was running
		if err := c.BeginTrial(t.ctx, "boom", false, true); err != nil {
			t.Fatal(err)
		}
		c.Trial().Returned("boom")
		t.commit(c, "done")
		t.wantMarks(0, 0)
		if err := t.Leave(t.ctx, next); err != nil {
			t.Fatal(err)
		}
		if got := t.try(old, actorA, first); got.Claim == nil || got.Claim.Trial() != nil {
			t.Fatalf("%+v", got)
		}
	})
}

// TestCompanyIsNoProof shows that of several on trial none is quarantined, and that each finds itself alone the next
// time.
func TestCompanyIsNoProof(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3, n4 := t.join("n1"), t.join("n2"), t.join("n3"), t.join("n4")
		t.try(n1, actorA, first)
		t.try(n1, actorB, first)
		t.fence("n1")
		t.try(n2, actorA, Attempt{Method: "boom", Retry: true, Mark: true})
		t.try(n2, actorB, Attempt{Method: "add", Retry: true, Mark: true})
		t.fence("n2")
		a := t.try(n3, actorA, first)
		if a.Claim == nil || a.Claim.Trial().Marked() || !a.Claim.Trial().Suspected() {
			t.Fatalf("%+v", a)
		}
		if err := a.Claim.BeginTrial(t.ctx, "boom", false, true); err != nil {
			t.Fatal(err)
		}
		t.fence("n3")
		if a = t.try(n4, actorA, first); a.Claim != nil || !a.Found {
			t.Fatal("what was found running twice, the last time alone, is not quarantined")
		}
		b := t.try(n4, actorB, first)
		if b.Claim == nil || !b.Claim.Trial().Suspected() {
			t.Fatal("who was in company is quarantined, or is not suspected")
		}
		if err := b.Claim.BeginTrial(t.ctx, "add", false, true); err != nil {
			t.Fatal(err)
		}
		b.Claim.Trial().Returned("add")
		if err := b.Claim.Commit(t.ctx, nil); err != nil {
			t.Fatal(err)
		}
		t.wantMarks(2, 1) // those of actor a
		if was, err := t.ClearQuarantine(t.ctx, actorA); err != nil || !was {
			t.Fatal(was, err)
		}
		t.wantMarks(0, 0)
		if was, err := t.ClearQuarantine(t.ctx, actorA); err != nil || was {
			t.Fatal(was, err)
		}
		if a = t.try(n4, actorA, first); a.Claim == nil || !a.Claim.Trial().Marked() || a.Claim.Trial().Suspected() {
			t.Fatalf("after the clearing: %+v", a)
		}
	})
}

// TestLastNodeTriesNothingRisky shows that a call which has probably ended all nodes but one does not come to that,
// until another node is up: and that a node which has always been alone does try it.
func TestLastNodeTriesNothingRisky(t *testing.T) {
	both(t, func(t *fixture) {
		again := Attempt{Method: "boom", Retry: true, Mark: true}
		n1, n2, n3 := t.join("n1"), t.join("n2"), t.join("n3")
		t.try(n1, actorA, first)
		t.fence("n1")
		t.try(n2, actorA, again)
		t.fence("n2")
		for i := range 2 {
			got := t.try(n3, actorA, again)
			if got.Claim != nil || got.Quarantine.Holds("") || !got.Quarantine.Refused() || got.Found != (i == 0) {
				t.Fatalf("claimed: %+v", got)
			}
			if err := got.Quarantine.Err(); err.Code != api.CodeQuarantined ||
				!strings.Contains(err.Error(), "while only one node is up") ||
				!strings.Contains(err.Error(), "while it ran method boom") {
				t.Fatal(err)
			}
		}
		t.wantMarks(1, 1)
		t.join("n1")
		got := t.try(n3, actorA, again)
		if got.Claim == nil || !got.Claim.Trial().Suspected() {
			t.Fatalf("another node is up: %+v", got)
		}
		if err := got.Claim.BeginTrial(t.ctx, "boom", true, true); err != nil {
			t.Fatal(err)
		}
		got.Claim.Trial().Returned("boom")
		t.commit(got.Claim, "done")
		t.wantMarks(0, 0)
	})
	both(t, func(t *fixture) {
		again := Attempt{Method: "boom", Retry: true, Mark: true}
		t.try(t.join("n1"), actorA, first)
		t.try(t.join("n1"), actorA, again)
		if got := t.try(t.join("n1"), actorA, again); got.Claim == nil || !got.Claim.Trial().Suspected() {
			t.Fatalf("%+v", got)
		}
	})
}

// TestRiskyActorsCanBeCleared shows that an operator may overrule the last node.
func TestRiskyActorsCanBeCleared(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3 := t.join("n1"), t.join("n2"), t.join("n3")
		t.try(n1, actorA, first)
		t.fence("n1")
		t.try(n2, actorA, Attempt{Method: "boom", Retry: true, Mark: true})
		t.fence("n2")
		if got := t.try(n3, actorA, first); got.Claim != nil {
			t.Fatal("claimed")
		}
		if was, err := t.ClearQuarantine(t.ctx, actorA); err != nil || !was {
			t.Fatal(was, err)
		}
		if got := t.try(n3, actorA, first); got.Claim == nil || got.Claim.Trial().Suspected() {
			t.Fatalf("%+v", got)
		}
	})
}

// TestFirstFindingIsNotEnough shows that a call may have been killed from outside, whether or not it had run anywhere
// before.
func TestFirstFindingIsNotEnough(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3 := t.join("n1"), t.join("n2"), t.join("n3")
		t.join("n4")
		t.try(n1, actorA, first)
		t.fence("n1")
		t.try(n2, actorA, first)
		t.fence("n2")
		got := t.try(n3, actorA, first)
		if got.Claim == nil || !got.Claim.Trial().Suspected() {
			t.Fatalf("%+v", got)
		}
	})
}

// TestWhoLivesAcquits shows that a node which was fenced, and is alive, takes back what others have found.
func TestWhoLivesAcquits(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3 := t.join("n1"), t.join("n2"), t.join("n3")
		t.try(n1, actorA, first)
		t.fence("n1")
		t.try(n2, actorA, Attempt{Method: "add", Retry: true, Mark: true})
		t.fence("n2")
		if got := t.try(n3, actorA, first); got.Claim != nil {
			t.Fatal("the last node tries it")
		}
		t.store.unknown(true)
		if changed, err := t.Acquit(t.ctx, actorA, "n2", n2.Node.Incarnation); err != nil || !changed {
			t.Fatal(changed, err)
		}
		t.wantMarks(0, 0)
		if changed, err := t.Acquit(t.ctx, actorA, "n2", n2.Node.Incarnation); err != nil || changed {
			t.Fatal(changed, err)
		}
		if got := t.try(n3, actorA, first); got.Claim == nil || got.Claim.Trial().Suspected() {
			t.Fatalf("%+v", got)
		}
	})
}

// TestUnknownCommitsOfTrials shows that what is stored is the same when nobody knows whether a commit has happened,
// and that none lands behind the claim that comes after it.
func TestUnknownCommitsOfTrials(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2, n3 := t.join("n1"), t.join("n2"), t.join("n3")
		t.try(n1, actorA, first)
		t.fence("n1")
		t.store.unknown(true)
		got := t.try(n2, actorA, Attempt{Method: "boom", Retry: true, Mark: true})
		if !got.Claim.Trial().Marked() || got.Claim.Token() != 3 {
			t.Fatalf("%+v", got.Claim)
		}
		got.Claim.Trial().Returned("boom")
		t.store.unknown(true)
		t.commit(got.Claim, "one")
		t.wantMarks(0, 0)
		t.store.unknown(false)
		if err := got.Claim.BeginTrial(t.ctx, "boom", true, false); err != nil {
			t.Fatal(err)
		}
		t.wantMarks(1, 0)
		// The clearing is lost with the node, and comes too late.
		var late func() error
		ctx, cancel := context.WithCancel(t.ctx)
		t.store.next = func(commit func() error) (error, bool) {
			late = commit
			cancel()
			return kv.ErrCommitUnknown, false
		}
		if err := got.Claim.Commit(ctx, write("two")); api.CodeOf(err) != api.CodeUnknown {
			t.Fatal(err)
		}
		t.fence("n2")
		t.store.unknown(true)
		if refused := t.try(n3, actorA, first); refused.Claim != nil || !refused.Quarantine.Refused() {
			t.Fatalf("%+v", refused)
		}
		t.wantMarks(1, 1)
		// Nobody has claimed the actor, so that the commit of the former owner may land: what it has done counts,
		// and its mark goes.
		if err := late(); err != nil {
			t.Fatal(err)
		}
		t.wantMarks(0, 1)
		if t.stored() != "two" {
			t.Fatal(t.stored())
		}
		if refused := t.try(n3, actorA, first); refused.Claim != nil {
			t.Fatal("claimed in spite of what was found")
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// due reads all of the shard of the fixture's actor.
func (t *fixture) due() []DueEntry {
	t.Helper()
	entries, more, err := t.Due(t.ctx, DueShard(actorA), DueEntry{}, 100)
	if err != nil || more {
		t.Fatal(more, err)
	}
	return entries
}

func TestWhatIsDueMovesWithTheCommit(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		c := t.acquire(m)
		commit := func(writes []Write) {
			t.Helper()
			if err := c.Commit(t.ctx, writes); err != nil {
				t.Fatal(err)
			}
		}
		commit(c.MoveDue(0, 500))
		if got := t.due(); !slices.Equal(got, []DueEntry{{actorA, 500, m.Node.Incarnation}}) {
			t.Fatalf("%+v", got)
		}
		commit(c.MoveDue(500, 20))
		if got := t.due(); len(got) != 1 || got[0].At != 20 {
			t.Fatalf("%+v", got)
		}
		next := t.acquire(t.join("n1")) // another process has taken it
		t.wantCode(c.Commit(t.ctx, c.MoveDue(20, 0)), api.CodeMoved)
		if got := t.due(); len(got) != 1 || got[0].Attended != next.Incarnation() {
			t.Fatalf("who takes the claim attends to the actor: %+v", got)
		}
		c = next
		commit(c.MoveDue(20, 0))
		if got := t.due(); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestAReleasedActorWithSomethingToDoIsAnnounced(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		c := t.acquire(m)
		if err := c.Commit(t.ctx, c.MoveDue(0, 500)); err != nil {
			t.Fatal(err)
		}
		unattended := func() uint64 {
			t.Helper()
			b, err := t.Beat(t.ctx, m, 1, api.Load{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return b.Unattended
		}
		before := unattended()
		if err := c.Release(t.ctx); err != nil {
			t.Fatal(err)
		}
		if got := t.due(); len(got) != 1 || got[0].Attended != (Incarnation{}) || unattended() != before+1 {
			t.Fatalf("%+v", got)
		}
		t.acquire(m)
		if err := c.Release(t.ctx); err != nil || unattended() != before+1 {
			t.Fatal("a former owner's release counts", err)
		}
	})
}

// Who takes a claim takes the entry with it, so an entry never names a member that has lost the actor.
func TestWhatIsDueIsAttendedByTheOwnerOfTheClaim(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		unattended := func() uint64 {
			t.Helper()
			b, err := t.Beat(t.ctx, n1, 1, api.Load{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return b.Unattended
		}
		attended := func(at int64, by Incarnation, what string) {
			t.Helper()
			if got := t.due(); !slices.Equal(got, []DueEntry{{actorA, at, by}}) {
				t.Fatalf("%s: %+v", what, got)
			}
		}
		c := t.acquire(n1)
		if err := c.Commit(t.ctx, c.MoveDue(0, DueAtOnce)); err != nil {
			t.Fatal(err)
		}
		before := unattended()
		if _, err := t.BreakClaim(t.ctx, actorA); err != nil {
			t.Fatal(err)
		}
		if attended(DueAtOnce, Incarnation{}, "broken"); unattended() != before+1 {
			t.Fatal("the members were not told")
		}
		if err := c.Release(t.ctx); err != nil || unattended() != before+1 {
			t.Fatal("a former owner's release counts", err)
		}
		c = t.acquire(n2)
		attended(DueAtOnce, n2.Node.Incarnation, "taken")
		if _, err := c.HandOver(t.ctx, target(n1), moveA); err != nil {
			t.Fatal(err)
		}
		if attended(DueAtOnce, Incarnation{}, "handed over, to be done at once"); unattended() != before+2 {
			t.Fatal("the members were not told")
		}
		got := t.install(n1, Arrived{Move: moveA, Seq: c.Seq()})
		if got.Attended {
			t.Fatal("the target thinks that it attends to it already")
		}
		if c = got.Claim; c.Commit(t.ctx, c.MoveDue(DueAtOnce, 500)) != nil {
			t.Fatal("the target can't commit")
		}
		attended(500, n1.Node.Incarnation, "taken on by the target")
		if _, err := c.HandOver(t.ctx, target(n2), api.MoveID{2}); err != nil {
			t.Fatal(err)
		}
		attended(500, n2.Node.Incarnation, "handed over, to be done later")
		if !t.install(n2, Arrived{Move: api.MoveID{2}, Seq: c.Seq()}).Attended {
			t.Fatal("the target does not know that it attends to it")
		}
	})
}

func TestWhatIsDueIsReadInPagesInOrderOfTime(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		var shard int
		for i, found := 0, 0; found < 5; i++ { // actors of the same shard
			id := api.ActorID{Namespace: "counter", ID: fmt.Sprint(i)}
			if found == 0 {
				shard = DueShard(id)
			} else if DueShard(id) != shard {
				continue
			}
			found++
			got, err := t.Acquire(t.ctx, m, id, []byte("s"), []byte("t"))
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Claim.Commit(t.ctx, got.Claim.MoveDue(0, int64(1000-found*300))); err != nil {
				t.Fatal(err)
			}
		}
		var at []int64
		for after, more := (DueEntry{}), true; more; {
			var page []DueEntry
			var err error
			if page, more, err = t.Due(t.ctx, shard, after, 2); err != nil || len(page) > 2 {
				t.Fatal(len(page), err)
			}
			for _, e := range page {
				at, after = append(at, e.At), e
			}
		}
		if !slices.Equal(at, []int64{-500, -200, 100, 400, 700}) {
			t.Fatal(at)
		}
	})
}

func TestDeadLettersAreStoredAndDeletedByTheClaim(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		for n := range uint64(3) {
			if err := c.Commit(
				t.ctx, c.Bury(&DeadLetter{Number: n + 1, Method: "m", Request: []byte{byte(n)}})); err != nil {
				t.Fatal(err)
			}
		}
		if d, err := c.DeadLetter(t.ctx, 2); err != nil || d == nil || d.Method != "m" ||
			!slices.Equal(d.Request, []byte{1}) {
			t.Fatalf("%+v %v", d, err)
		}
		if err := c.Commit(t.ctx, c.Exhume(1)); err != nil {
			t.Fatal(err)
		}
		if removed, err := t.RemoveDeadLetter(t.ctx, actorA, 2); !removed || err != nil {
			t.Fatal(removed, err)
		}
		if removed, err := t.RemoveDeadLetter(t.ctx, actorA, 2); removed || err != nil {
			t.Fatal(removed, err)
		}
		if d, err := c.DeadLetter(t.ctx, 2); err != nil || d != nil {
			t.Fatalf("%+v %v", d, err)
		}
		letters, more, err := t.DeadLetters(t.ctx, actorA.Namespace, "", DeadLetter{}, 10)
		if err != nil || more || len(letters) != 1 || letters[0].Number != 3 || letters[0].Actor != actorA ||
			letters[0].Request != nil {
			t.Fatalf("%+v %v %v", letters, more, err)
		}
		if numbers, err := c.DeadNumbers(t.ctx); err != nil || !slices.Equal(numbers, []uint64{3}) {
			t.Fatal(numbers, err)
		}
	})
}

func TestAFencedNodeAddsNothingToWhatIsDue(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		if _, err := t.BreakLease(t.ctx, "n1"); err != nil {
			t.Fatal(err)
		}
		t.commit(c, "allowed") // as long as nobody has taken the actor
		t.wantCode(c.Commit(t.ctx, c.MoveDue(0, 500)), api.CodeMoved)
		if got := t.due(); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

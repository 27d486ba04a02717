// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var moveA = api.MoveID{1}

func target(m *Member) Target { return Target{m.Node.ID, m.Node.Incarnation} }

func (t *fixture) install(m *Member, a Arrived) Acquired {
	t.Helper()
	got, err := t.Install(t.ctx, m, actorA, a, []byte("s"), []byte("t"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAClaimIsHandedOver(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		t.commit(c, "one")
		before := t.install(n2, Arrived{Move: moveA, Seq: c.Seq()})
		if before.Claim != nil {
			t.Fatal("installed before the handover")
		}
		token, err := c.HandOver(t.ctx, target(n2), moveA)
		if err != nil || token != c.Token()+1 {
			t.Fatalf("token %d after %d, error %v", token, c.Token(), err)
		}
		t.wantCode(c.Commit(t.ctx, write("stale")), api.CodeMoved)
		if got := t.install(n2, Arrived{Move: api.MoveID{2}, Seq: c.Seq()}); got.Claim != nil {
			t.Fatal("installed by another move")
		}
		if got := t.install(n1, Arrived{Move: moveA, Seq: c.Seq()}); got.Claim != nil {
			t.Fatal("installed on the source")
		}
		sent := []Entry{{Key: []byte("s"), Value: []byte("sent along")}}
		got := t.install(n2, Arrived{Move: moveA, Seq: c.Seq(), State: sent})
		if got.Claim == nil || got.Claim.Token() != token || string(got.State[0].Value) != "sent along" {
			t.Fatalf("installed %+v", got)
		}
		t.commit(got.Claim, "two")
		if t.stored() != "two" {
			t.Fatalf("the state is %q", t.stored())
		}
	})
}

// What was sent along counts only if nothing was committed since.
func TestStateThatIsBehindIsReadFromTheStore(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		old := Arrived{Move: moveA, Seq: c.Seq(), State: []Entry{{Key: []byte("s"), Value: []byte("old")}}}
		t.commit(c, "new")
		if _, err := c.HandOver(t.ctx, target(n2), moveA); err != nil {
			t.Fatal(err)
		}
		got := t.install(n2, old)
		if got.Claim == nil || len(got.State) != 1 || string(got.State[0].Value) != "new" {
			t.Fatalf("installed %+v", got)
		}
	})
}

func TestAHandOverOfUnknownOutcomeHappensOnce(t *testing.T) {
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprintf("happened=%v", happened), func(t *testing.T) {
			both(t, func(t *fixture) {
				n1, n2 := t.join("n1"), t.join("n2")
				c := t.acquire(n1)
				t.store.unknown(happened)
				token, err := c.HandOver(t.ctx, target(n2), moveA)
				if err != nil {
					t.Fatal(err)
				}
				if got := t.install(n2, Arrived{Move: moveA}); got.Claim == nil || got.Claim.Token() != token {
					t.Fatalf("installed %+v", got)
				}
			})
		})
	}
}

// The first attempt may still land while the target's fence is as it was: so the activation can't be resumed.
func TestAHandOverInDoubtIsNotTakenBack(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		t.store.next = func(func() error) (error, bool) {
			t.store.next = nil
			if err := t.Leave(t.ctx, n2); err != nil {
				t.Error(err)
			}
			return kv.ErrCommitUnknown, false
		}
		_, err := c.HandOver(t.ctx, target(n2), moveA)
		t.wantCode(err, api.CodeUnknown)
	})
}

func TestAHandOverToANodeThatHasGoneLeavesTheClaim(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		t.join("n2")
		_, err := c.HandOver(t.ctx, target(n2), moveA)
		t.wantCode(err, api.CodeFailedPrecondition)
		t.commit(c, "still here")
	})
}

func TestALostClaimIsNotHandedOver(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		if _, err := t.BreakClaim(t.ctx, actorA); err != nil {
			t.Fatal(err)
		}
		_, err := c.HandOver(t.ctx, target(n2), moveA)
		t.wantCode(err, api.CodeMoved)
		c = t.acquire(n1)
		if _, err := t.BreakLease(t.ctx, "n1"); err != nil {
			t.Fatal(err)
		}
		_, err = c.HandOver(t.ctx, target(n2), moveA)
		t.wantCode(err, api.CodeFenced)
	})
}

// A claim that the target has taken by itself is not one that was handed over, though node, incarnation and token are
// the same: a write of an activation under it may still land.
func TestAClaimThatWasTakenIsNotInstalled(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		c := t.acquire(n1)
		if err := t.Leave(t.ctx, n1); err != nil {
			t.Fatal(err)
		}
		if taken := t.acquire(n2); taken.Token() != c.Token()+1 {
			t.Fatalf("token %d", taken.Token())
		}
		if got := t.install(n2, Arrived{Move: moveA, Seq: c.Seq()}); got.Claim != nil {
			t.Fatal("installed")
		}
	})
}

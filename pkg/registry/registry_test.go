// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

var actorA = api.ActorID{Namespace: "counter", ID: "a"}

// fixture is a registry on an empty memory store, in either world.
type fixture struct {
	*testing.T
	*Registry
	ctx   context.Context
	store *faulty
}

// both runs a test in both worlds.
func both(t *testing.T, f func(t *fixture)) {
	t.Helper()
	envtest.Both(t, func(t *testing.T, e env.Env) {
		store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fake := &faulty{Store: store}
		ctx, cancel := env.WithTimeout(e, context.Background(), time.Minute)
		defer cancel()
		f(&fixture{T: t, Registry: New(e, fake), ctx: ctx, store: fake})
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// faulty is a store whose next commits end as told.
type faulty struct {
	*occ.Store
	// next, if not nil, takes the place of the next commits, until it returns false: then it is gone.
	next func(commit func() error) (err error, again bool)
}

func (f *faulty) Begin(o kv.TxOptions) kv.Tx { return ryw.New(f, o) }

func (f *faulty) Commit(ctx context.Context, c *ryw.Commit) (committed ryw.Committed, err error) {
	commit := func() (err error) {
		committed, err = f.Store.Commit(context.WithoutCancel(ctx), c) // it may come late
		return err
	}
	next := f.next
	if next == nil {
		return committed, commit()
	}
	err, again := next(commit)
	if !again {
		f.next = nil
	}
	return committed, err
}

// unknown makes the next commit happen, or not, and be reported as unknown.
func (f *faulty) unknown(happened bool) {
	f.next = func(commit func() error) (error, bool) {
		if happened {
			if err := commit(); err != nil {
				return err, false
			}
		}
		return kv.ErrCommitUnknown, false
	}
}

func (t *fixture) join(id string) *Member {
	t.Helper()
	m, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: id, Address: id + ":1", Namespaces: []string{"counter"}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (t *fixture) acquire(m *Member) *Claim {
	t.Helper()
	got, err := t.Acquire(t.ctx, m, actorA, []byte("s"), []byte("t"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Claim == nil {
		t.Fatalf("%s is owned by %s", actorA, got.Owner.Node)
	}
	return got.Claim
}

func write(value string) []Write { return []Write{{Key: []byte("s"), Value: []byte(value)}} }

func (t *fixture) commit(c *Claim, value string) {
	t.Helper()
	if err := c.Commit(t.ctx, write(value)); err != nil {
		t.Fatalf("commit of %q: %v", value, err)
	}
}

// stored reads the actor's state past all claims.
func (t *fixture) stored() string {
	t.Helper()
	tx := t.store.Store.Begin(kv.TxOptions{})
	defer tx.Cancel()
	b, err := tx.Get(t.ctx, join(statePrefix(actorA), []byte("s")))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (t *fixture) wantCode(err error, code api.Code) {
	t.Helper()
	if api.CodeOf(err) != code {
		t.Fatalf("got error %v (%v), want code %v", err, api.CodeOf(err), code)
	}
}

func TestJoinRaisesTheEpochAndTakesTheFormerSelfsLease(t *testing.T) {
	both(t, func(t *fixture) {
		first := t.join("n1")
		claim := t.acquire(first)
		t.commit(claim, "one")
		second := t.join("n1")
		if second.Node.Epoch != first.Node.Epoch+1 || second.Node.Incarnation == first.Node.Incarnation {
			t.Fatalf("joined as %+v after %+v", second.Node, first.Node)
		}
		other := t.join("n2")
		taken := t.acquire(other) // at once: the claim's incarnation is no longer current
		if taken.Token() <= claim.Token() {
			t.Fatalf("token %d after %d", taken.Token(), claim.Token())
		}
		t.wantCode(claim.Commit(t.ctx, write("late")), api.CodeMoved)
		if got := t.stored(); got != "one" {
			t.Fatalf("the state is %q", got)
		}
	})
}

func TestJoinOfUnknownOutcomeIsOneJoin(t *testing.T) {
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprintf("happened=%v", happened), func(t *testing.T) {
			both(t, func(t *fixture) {
				t.store.unknown(happened)
				m := t.join("n1")
				if m.Node.Epoch != 1 {
					t.Fatalf("epoch %d after one join", m.Node.Epoch)
				}
				if p, err := t.Barrier(t.ctx, m); err != nil || p.Fenced(m) {
					t.Fatalf("fenced: %v %v", p, err)
				}
			})
		})
	}
}

func TestAnotherProcessesIncarnationIsNeverAdopted(t *testing.T) {
	both(t, func(t *fixture) {
		var thief *Member
		t.store.next = func(func() error) (error, bool) {
			t.store.next = nil
			thief = t.join("n1") // another process, in between; the first attempt is lost
			return kv.ErrCommitUnknown, false
		}
		m := t.join("n1")
		if m.Node.Incarnation == thief.Node.Incarnation {
			t.Fatal("one process took another's incarnation for its own")
		}
		if p, err := t.Barrier(t.ctx, thief); err != nil || !p.Fenced(thief) {
			t.Fatalf("both processes hold the lease: %v", err)
		}
	})
}

// TestAnIncarnationThatWasFencedIsNeverTakenAgain shows that a join which has happened unknown to the joiner, and was
// fenced before it is tried again, is tried under another incarnation.
func TestAnIncarnationThatWasFencedIsNeverTakenAgain(t *testing.T) {
	both(t, func(t *fixture) {
		var first Fence
		t.store.next = func(commit func() error) (error, bool) {
			t.store.next = nil
			if err := commit(); err != nil {
				return err, false
			}
			leases, err := t.Leases(t.ctx)
			if err != nil {
				return err, false
			}
			first = leases[0].Fence
			if _, err := t.BreakLease(t.ctx, "n1"); err != nil {
				return err, false
			}
			return kv.ErrCommitUnknown, false
		}
		m := t.join("n1")
		if first.Incarnation == (Incarnation{}) || m.Node.Incarnation == first.Incarnation {
			t.Fatalf("joined as %v after %v was fenced", m.Node.Incarnation, first.Incarnation)
		}
	})
}

func TestRejoinIsRefusedOnceANewerProcessHasTheName(t *testing.T) {
	both(t, func(t *fixture) {
		old := t.join("n1")
		t.join("n1")
		_, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}, Replaces: old.Node.Incarnation})
		t.wantCode(err, api.CodeFenced)
	})
}

// fencedUnknown commits the next transaction, has the node fenced, and then tells nobody what became of it.
func (t *fixture) fencedUnknown(node string, times int) {
	t.store.next = func(commit func() error) (error, bool) {
		t.store.next = nil
		if err := commit(); err != nil {
			return err, false
		}
		if _, err := t.BreakLease(t.ctx, node); err != nil {
			return err, false
		}
		if times > 1 {
			t.fencedUnknown(node, times-1)
		}
		return kv.ErrCommitUnknown, false
	}
}

func TestARejoinThatHasHappenedAndWasFencedIsTriedAgain(t *testing.T) {
	both(t, func(t *fixture) {
		old := t.join("n1")
		if _, err := t.BreakLease(t.ctx, "n1"); err != nil {
			t.Fatal(err)
		}
		t.fencedUnknown("n1", 3)
		m, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}, Replaces: old.Node.Incarnation})
		if err != nil {
			t.Fatalf("no other process has the name: %v", err)
		}
		if p, err := t.Barrier(t.ctx, m); err != nil || p.Fenced(m) {
			t.Fatalf("it is fenced: %v", err)
		}
	})
}

func TestARejoinThatHasHappenedIsRefusedOnceANewerProcessHasTheName(t *testing.T) {
	both(t, func(t *fixture) {
		old := t.join("n1")
		var newer *Member
		t.store.next = func(commit func() error) (error, bool) {
			t.store.next = nil
			if err := commit(); err != nil {
				return err, false
			}
			newer = t.join("n1")
			return kv.ErrCommitUnknown, false
		}
		_, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}, Replaces: old.Node.Incarnation})
		t.wantCode(err, api.CodeFenced)
		if p, err := t.Barrier(t.ctx, newer); err != nil || p.Fenced(newer) {
			t.Fatalf("the newer process has lost its lease: %v", err)
		}
	})
}

func TestARejoinSaysWhenTheStoreNoLongerKnowsTheNode(t *testing.T) {
	both(t, func(t *fixture) {
		old := t.join("n1")
		if _, err := t.BreakLease(t.ctx, "n1"); err != nil {
			t.Fatal(err)
		}
		if removed, err := t.Forget(t.ctx, "n1"); err != nil || !removed {
			t.Fatal(removed, err)
		}
		_, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}, Replaces: old.Node.Incarnation})
		t.wantCode(err, api.CodeFenced)
		if strings.Contains(err.Error(), "another process") {
			t.Error(err)
		}
	})
}

func TestLeaseTimesAreSetOnceAndDifferingOnesRefused(t *testing.T) {
	both(t, func(t *fixture) {
		spec := JoinSpec{Node: NodeInfo{ID: "n1"}, LeaseTTL: 3 * time.Second, Heartbeat: time.Second}
		if _, err := t.Join(t.ctx, spec); err != nil {
			t.Fatal(err)
		}
		if m := t.join("n2"); m.Meta.LeaseTTL != 3*time.Second || m.Meta.Heartbeat != time.Second {
			t.Fatalf("the second node got %+v", m.Meta)
		}
		spec.Node.ID, spec.LeaseTTL = "n3", 4*time.Second
		_, err := t.Join(t.ctx, spec)
		t.wantCode(err, api.CodeMismatch)
		_, err = t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n4"}, ClusterID: "another"})
		t.wantCode(err, api.CodeMismatch)
	})
}

func TestLeaseOfLessThanThreeHeartbeatsIsRefused(t *testing.T) {
	both(t, func(t *fixture) {
		_, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1"}, LeaseTTL: 2 * time.Second, Heartbeat: time.Second})
		t.wantCode(err, api.CodeInvalidArgument)
	})
}

func TestTwoNodesRaceForOneActorThousandsOfTimes(t *testing.T) {
	both(t, func(t *fixture) {
		members := []*Member{t.join("n1"), t.join("n2")}
		const races = 1500
		for i := range races {
			id := api.ActorID{Namespace: "counter", ID: fmt.Sprint(i)}
			got := make([]Acquired, len(members))
			errs := make([]error, len(members))
			tasks := env.NewGroup(t.env, t.ctx)
			for j, m := range members {
				tasks.Go("claimant", func(ctx context.Context) {
					got[j], errs[j] = t.Acquire(ctx, m, id, []byte("s"), []byte("t"))
				})
			}
			if err := tasks.Wait(t.ctx); err != nil {
				t.Fatal(err)
			}
			winners := 0
			for j := range members {
				switch {
				case errs[j] != nil:
					t.Fatalf("race %d: %v", i, errs[j])
				case got[j].Claim != nil:
					winners++
					if other := got[1-j].Owner; other.Node != members[j].Node.ID ||
						other.Token != got[j].Claim.Token() {
						t.Fatalf("race %d: %s won with token %d, the other was told %+v", i, members[j].Node.ID,
							got[j].Claim.Token(), other)
					}
				}
			}
			if winners != 1 {
				t.Fatalf("race %d: %d winners", i, winners)
			}
		}
	})
}

func TestClaimOfUnknownOutcomeIsWrittenAgain(t *testing.T) {
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprintf("happened=%v", happened), func(t *testing.T) {
			both(t, func(t *fixture) {
				m := t.join("n1")
				t.store.unknown(happened)
				c := t.acquire(m)
				if want := map[bool]uint64{true: 2, false: 1}[happened]; c.Token() != want { // R3
					t.Fatalf("token %d, want %d", c.Token(), want)
				}
				t.commit(c, "x")
			})
		})
	}
}

func TestCommitOfUnknownOutcomeHappensOnce(t *testing.T) {
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprintf("happened=%v", happened), func(t *testing.T) {
			both(t, func(t *fixture) {
				c := t.acquire(t.join("n1"))
				t.store.unknown(happened)
				t.commit(c, "one")
				if c.seq.N != 1 || t.stored() != "one" {
					t.Fatalf("seq %d, state %q", c.seq.N, t.stored())
				}
				t.commit(c, "two")
				if c.seq.N != 2 || t.stored() != "two" {
					t.Fatalf("seq %d, state %q", c.seq.N, t.stored())
				}
			})
		})
	}
}

// A first attempt that lands after the second has been sent must not undo what came after.
func TestLateCommitNeverLandsOverItsSuccessor(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		var late func() error
		t.store.next = func(commit func() error) (error, bool) {
			late = commit
			return kv.ErrCommitUnknown, false
		}
		t.commit(c, "one")
		t.commit(c, "two")
		if err := late(); !kv.NeverCommitted(err) {
			t.Fatalf("the late attempt ended in %v", err)
		}
		if got := t.stored(); got != "two" {
			t.Fatalf("the state is %q", got)
		}
	})
}

func TestTooOldKeptVersionIsMadeNew(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		t.commit(c, "one")
		t.store.next = func(func() error) (error, bool) { return kv.ErrTooOld, false }
		t.commit(c, "two")
		if got := t.stored(); got != "two" {
			t.Fatalf("the state is %q", got)
		}
	})
}

func TestBrokenClaimStopsItsOwner(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		c := t.acquire(m)
		t.commit(c, "one")
		b, err := t.BreakClaim(t.ctx, actorA)
		if err != nil || b.Node != "n1" || b.Token != c.Token()+1 {
			t.Fatalf("%+v %v", b, err)
		}
		proof, err := t.Barrier(t.ctx, m)
		if err != nil || proof.Fenced(m) {
			t.Fatalf("breaking one claim fenced the node: %v", err)
		}
		t.wantCode(c.Check(t.ctx, proof), api.CodeMoved) // R2: a read must notice
		t.wantCode(c.Commit(t.ctx, write("late")), api.CodeMoved)
		again := t.acquire(m)
		if again.Token() != b.Token+1 {
			t.Fatalf("token %d after %d", again.Token(), b.Token)
		}
	})
}

// Another actor's broken claim raises the same fence: the claim is read, found to be held, and
// the new count taken.
func TestRevocationOfAnotherActorDoesNotCostTheClaim(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		c := t.acquire(m)
		other := api.ActorID{Namespace: "counter", ID: "b"}
		if _, err := t.Acquire(t.ctx, m, other, []byte("s"), []byte("t")); err != nil {
			t.Fatal(err)
		}
		if _, err := t.BreakClaim(t.ctx, other); err != nil {
			t.Fatal(err)
		}
		proof, err := t.Barrier(t.ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		held := c.held
		if c.Renew(proof); c.held != held {
			t.Fatal("renewed by a fence that shows other revocations, without reading the claim") // R6
		}
		if err := c.Check(t.ctx, proof); err != nil || c.held <= held {
			t.Fatalf("held %d after %d: %v", c.held, held, err)
		}
		t.commit(c, "still mine")
	})
}

func TestFencedNodeCanNeitherClaimNorProve(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		c := t.acquire(m)
		if f, err := t.BreakLease(t.ctx, "n1"); err != nil || f == nil || f.Epoch != m.Node.Epoch+1 {
			t.Fatalf("%+v %v", f, err)
		}
		proof, err := t.Barrier(t.ctx, m)
		if err != nil || !proof.Fenced(m) {
			t.Fatalf("%+v %v", proof, err)
		}
		t.wantCode(c.Check(t.ctx, proof), api.CodeFenced)
		_, err = t.Acquire(t.ctx, m, api.ActorID{Namespace: "counter", ID: "new"}, []byte("s"), []byte("t")) // R8
		t.wantCode(err, api.CodeFenced)
		if f, err := t.BreakLease(t.ctx, "n1"); err != nil || f != nil {
			t.Fatalf("a lease that nobody holds was broken: %+v %v", f, err)
		}
	})
}

func TestReleaseKeepsTheTokenAndSparesTheSuccessor(t *testing.T) {
	both(t, func(t *fixture) {
		m1, m2 := t.join("n1"), t.join("n2")
		c1 := t.acquire(m1)
		if err := c1.Release(t.ctx); err != nil {
			t.Fatal(err)
		}
		c2 := t.acquire(m2)
		if c2.Token() != c1.Token()+1 {
			t.Fatalf("token %d after %d", c2.Token(), c1.Token())
		}
		if err := c1.Release(t.ctx); err != nil { // by a former owner
			t.Fatal(err)
		}
		t.commit(c2, "mine")
	})
}

func TestSilentNodeIsFencedOnlyWhileSilent(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		stale := Beat{Incarnation: m.Node.Incarnation, Seq: 0}
		if _, err := t.Beat(t.ctx, m, 1, api.Load{}, nil); err != nil {
			t.Fatal(err)
		}
		if fenced, err := t.FenceSilent(t.ctx, "n1", stale); err != nil || fenced {
			t.Fatalf("a node that has beaten since was fenced: %v %v", fenced, err)
		}
		stale.Seq = 1
		if fenced, err := t.FenceSilent(t.ctx, "n1", stale); err != nil || !fenced {
			t.Fatalf("%v %v", fenced, err)
		}
		b, err := t.Beat(t.ctx, m, 2, api.Load{}, nil)
		if err != nil || !b.Proof.Fenced(m) {
			t.Fatalf("the fenced node's beat did not tell it: %v", err)
		}
	})
}

func TestCommitGivesUpInDoubtOnlyWhenItsContextEnds(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		ctx, cancel := env.WithCancel(t.ctx)
		t.store.next = func(func() error) (error, bool) {
			cancel()
			return kv.ErrCommitUnknown, true
		}
		err := c.Commit(ctx, write("one"))
		t.store.next = nil
		t.wantCode(err, api.CodeUnknown)
	})
}

func TestTooLargeCommitLeavesTheClaimAsItWas(t *testing.T) {
	both(t, func(t *fixture) {
		c := t.acquire(t.join("n1"))
		err := c.Commit(t.ctx, []Write{{Key: []byte("s"), Value: make([]byte, kv.ValueBytesMax+1)}})
		if !kv.IsTooLarge(err) {
			t.Fatal(err)
		}
		t.commit(c, "small")
	})
}

func TestClaimsAreListedInPages(t *testing.T) {
	both(t, func(t *fixture) {
		m1, m2 := t.join("n1"), t.join("n2")
		const actors = 25
		for i := range actors {
			m := []*Member{m1, m2}[i%2]
			if _, err := t.Acquire(t.ctx, m, api.ActorID{Namespace: "counter", ID: fmt.Sprintf("%03d", i)},
				[]byte("s"), []byte("t")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := t.BreakLease(t.ctx, "n2"); err != nil {
			t.Fatal(err)
		}
		var all []ClaimInfo
		var after api.ActorID
		for {
			page, more, err := t.Claims(t.ctx, "counter", "", after, 10)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
			if !more {
				break
			}
			after = page[len(page)-1].Actor
		}
		if len(all) != actors {
			t.Fatalf("%d claims listed, want %d", len(all), actors)
		}
		for i, c := range all {
			if c.Actor.ID != fmt.Sprintf("%03d", i) || c.Owner.Current != (i%2 == 0) {
				t.Fatalf("row %d: %+v", i, c)
			}
		}
		if some, _, err := t.Claims(t.ctx, "counter", "01", api.ActorID{ID: "010", Namespace: "counter"},
			3); err != nil || len(some) != 3 || some[0].Actor.ID != "011" {
			t.Fatalf("%v %v", some, err)
		}
		if none, more, err := t.Claims(t.ctx, "counter", "02x", api.ActorID{}, 10); err != nil || more ||
			len(none) != 0 {
			t.Fatalf("%v %v %v", none, more, err)
		}
		if none, more, err := t.Claims(t.ctx, "other", "", api.ActorID{}, 10); err != nil || more || len(none) != 0 {
			t.Fatalf("%v %v %v", none, more, err)
		}
	})
}

func TestMembershipIsAwaited(t *testing.T) {
	both(t, func(t *fixture) {
		t.join("n1")
		view, err := t.View(t.ctx)
		if err != nil {
			t.Fatal(err)
		}
		changed := env.NewFuture[struct{}](t.env)
		t.env.Go("watch", func() { changed.Complete(struct{}{}, t.AwaitMembership(t.ctx, view.Counter)) })
		t.join("n2")
		if _, err := changed.Wait(t.ctx); err != nil && !errors.Is(err, kv.ErrUnavailable) {
			t.Fatal(err)
		}
	})
}

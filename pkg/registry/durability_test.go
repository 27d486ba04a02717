// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// joinAs joins as a node whose only kind is declared so.
func (t *fixture) joinAs(id string, d Durability) (*Member, error) {
	spec := JoinSpec{Node: NodeInfo{ID: id, Address: id + ":1", Namespaces: []string{"counter"}},
		Namespaces: []Namespace{{Name: "counter", Placement: PlaceSpread, Durability: d}}}
	if d != DurabilityUnknown {
		spec.Node.Durability = []Durability{d}
	}
	return t.Join(t.ctx, spec)
}

func (t *fixture) mustJoinAs(id string, d Durability) *Member {
	t.Helper()
	m, err := t.joinAs(id, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (t *fixture) mustLeave(m *Member) {
	t.Helper()
	if err := t.Leave(t.ctx, m); err != nil {
		t.Fatal(err)
	}
}

func (t *fixture) refusedAs(id string, d Durability, says ...string) {
	t.Helper()
	_, err := t.joinAs(id, d)
	t.wantCode(err, api.CodeFailedPrecondition)
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v; want %q", err, s)
		}
	}
}

func (t *fixture) wantDurability(want Durability) {
	t.Helper()
	var ns Namespace
	look := func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		return struct{}{}, read(ctx, tx, namespaceKey("counter"), &ns)
	}
	_, err := kv.Transact(t.ctx, t.env, t.store, kv.TxOptions{}, look)
	if err != nil || ns.Durability != want {
		t.Fatalf("the namespace is known as %q, %v; want %q", ns.Durability, err, want)
	}
}

// keep stores a state.
func (t *fixture) keep(c *Claim) {
	t.Helper()
	if err := c.Commit(t.ctx, []Write{{Key: statekeys.Chunk(0), Value: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
}

// clearAll removes all keys of a kind.
func (t *fixture) clearAll(kind string) {
	t.Helper()
	_, err := kv.Transact(t.ctx, t.env, t.store, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
		tx.ClearRange(kindRange(kind))
		return struct{}{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEverythingThatADurableActorKeepsForbidsVolatile(t *testing.T) {
	both(t, func(t *fixture) {
		for name, w := range map[string]Write{
			"state":     {Key: statekeys.Chunk(0), Value: []byte("x")},
			"key-value": {Key: statekeys.KVKey("k"), Value: []byte("x")},
			"alarm":     {Key: statekeys.Alarm("tea"), Value: []byte("x")},
			"message":   {Key: statekeys.Message(7), Value: []byte("x")},
		} {
			m := t.mustJoinAs("n1", Durable)
			if err := t.acquire(m).Commit(t.ctx, []Write{w}); err != nil {
				t.Fatal(name, err)
			}
			t.mustLeave(m)
			t.refusedAs("n1", Volatile, "declared Volatile", "such as counter/a", "remove Volatile",
				"kelpie actors rm")
			t.clearAll(kindState)
		}
		m := t.mustJoinAs("n1", Durable)
		claim := t.acquire(m)
		if err := claim.Commit(t.ctx, claim.Bury(&DeadLetter{Number: 1, Alarm: "tea"})); err != nil {
			t.Fatal(err)
		}
		t.mustLeave(m)
		t.refusedAs("n1", Volatile, "such as counter/a")
		t.clearAll(kindDead)
		t.mustJoinAs("n1", Volatile)
		t.wantDurability(Volatile)
	})
}

// What a deleted actor leaves does not keep its kind from becoming volatile. There may be too much of it to tell.
func TestWhatDeletedActorsLeaveDoesNotForbidVolatile(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.mustJoinAs("n1", Durable)
		key := &api.CallKey{Name: "pay-17"}
		var left []Write
		for _, key := range [][]byte{statekeys.Dedup, statekeys.DedupEntry(key), statekeys.ReplyChunk(key, 0),
			statekeys.Mark(actorA, false), statekeys.Mark(actorA, true)} {
			left = append(left, Write{Key: key, Value: []byte("x")})
		}
		claim := t.acquire(m)
		if err := claim.Commit(t.ctx, left); err != nil {
			t.Fatal(err)
		}
		t.mustLeave(m)
		t.mustLeave(t.mustJoinAs("n1", Volatile))

		m = t.mustJoinAs("n1", Durable)
		claim = t.acquire(m)
		for i := 0; i <= leftoversMax; {
			var marks []Write
			for ; len(marks) < 5000 && i <= leftoversMax; i++ {
				sender := api.ActorID{Namespace: "sender", ID: fmt.Sprint(i)}
				marks = append(marks, Write{Key: statekeys.Mark(sender, false), Value: []byte("x")})
			}
			if err := claim.Commit(t.ctx, marks); err != nil {
				t.Fatal(err)
			}
		}
		t.mustLeave(m)
		t.refusedAs("n1", Volatile, "too many", "another namespace")
		t.mustJoinAs("n1", Durable)
	})
}

// Of two nodes that join at the same time with a kind that they declare differently, one is refused.
func TestOneOfTwoNodesThatDeclareAKindDifferentlyIsRefused(t *testing.T) {
	both(t, func(t *fixture) {
		for _, known := range []Durability{DurabilityUnknown, Durable, Volatile} {
			for first, second := range map[Durability]Durability{Durable: Volatile, Volatile: Durable} {
				t.clearAll(kindNode)
				t.clearAll(kindNamespace)
				if known != DurabilityUnknown {
					t.mustLeave(t.mustJoinAs("n0", known))
				}
				t.store.next = func(commit func() error) (error, bool) {
					t.store.next = nil
					t.mustJoinAs("n1", first) // all of it while the second is about to commit
					return commit(), false
				}
				t.refusedAs("n2", second, "node n1 hosts it as "+string(first))
				t.wantDurability(first)
			}
		}
	})
}

// What an actor stores while its kind is about to become volatile is noticed.
func TestAStateThatIsStoredMeanwhileForbidsVolatile(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.mustJoinAs("n1", Durable)
		claim := t.acquire(m)
		t.mustLeave(m) // its last commit is late
		t.store.next = func(commit func() error) (error, bool) {
			t.store.next = nil
			t.keep(claim)
			return commit(), false
		}
		t.refusedAs("n2", Volatile, "such as counter/a")
	})
}

// A namespace that was volatile does not become durable over what it had stored before it was.
func TestWhatWasStoredBeforeAKindWasVolatileForbidsDurable(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.mustJoinAs("n1", Volatile)
		t.keep(t.acquire(m)) // by a version that did not refuse to
		t.mustLeave(m)
		t.refusedAs("n1", Durable, "declared durable, but was volatile", "counter/a", "another namespace")
		t.mustJoinAs("n1", Volatile)
	})
}

// Nodes of a version that does not say how it keeps its actors join, and are joined. The namespace's durability is
// known once the last of them is gone.
func TestNodesThatDoNotSayHowTheyKeepActorsAreJoined(t *testing.T) {
	for _, d := range []Durability{Durable, Volatile} {
		t.Run(string(d), func(t *testing.T) {
			both(t, func(t *fixture) {
				old1, old2 := t.mustJoinAs("n1", DurabilityUnknown), t.mustJoinAs("n2", DurabilityUnknown)
				if d == Durable {
					t.keep(t.acquire(old2))
				}
				t.mustLeave(old1)
				t.mustJoinAs("n1", d)
				t.wantDurability(DurabilityUnknown)
				other := Volatile
				if d == Volatile {
					other = Durable
				}
				t.refusedAs("n3", other, "counter")
				t.mustLeave(old2)
				t.mustJoinAs("n2", d)
				t.wantDurability(d)
				t.mustJoinAs("n4", DurabilityUnknown) // and one of the earlier version once more
				t.wantDurability(d)
				t.refusedAs("n3", other, "counter")
				t.mustJoinAs("n3", d)
			})
		})
	}
}

// Records as earlier versions wrote them keep their settings.
func TestANamespaceOfAnEarlierVersionKeepsItsSettings(t *testing.T) {
	both(t, func(t *fixture) {
		old, err := msgpack.Marshal(map[string]any{
			"name": "counter", "placement": "least-loaded", "idle_timeout_ns": time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.put(namespaceKey("counter"), append([]byte{recordVersion}, old...))
		t.mustJoinAs("n1", Durable)
		view, err := t.View(t.ctx)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(view.Namespaces, func(ns Namespace) bool { return ns.Name == "counter" })
		want := Namespace{Name: "counter", Placement: PlaceLeastLoaded, IdleTimeout: time.Hour, Durability: Durable}
		if i < 0 || view.Namespaces[i] != want {
			t.Fatalf("%+v; want %+v", view.Namespaces, want)
		}
	})
}

// All dead letters of an actor go in one transaction, however many they are, and no others.
func TestAllDeadLettersOfAnActorGoAtOnce(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		claim := t.acquire(m)
		const letters = 3000
		request := make([]byte, 5000) // more than one transaction could delete key by key, or hold
		for number := uint64(1); number <= letters; {
			var writes []Write
			for range 500 {
				writes = append(writes, claim.Bury(&DeadLetter{Number: number, Request: request})...)
				number++
			}
			if err := claim.Commit(t.ctx, writes); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"", "A", "a\x00", "aa", "b"} {
			got, err := t.Acquire(t.ctx, m, api.ActorID{Namespace: "counter", ID: id}, []byte("s"), []byte("t"))
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Claim.Commit(t.ctx, got.Claim.Bury(&DeadLetter{Number: 1})); err != nil {
				t.Fatal(err)
			}
		}
		t.store.unknown(true) // and when its outcome is unknown at first
		if err := claim.Commit(t.ctx, claim.ExhumeAll()); err != nil {
			t.Fatal(err)
		}
		left, _, err := t.DeadLetters(t.ctx, "", "", DeadLetter{}, 0)
		mine := func(d DeadLetter) bool { return d.Actor == actorA }
		if err != nil || len(left) != 5 || slices.ContainsFunc(left, mine) {
			t.Fatalf("%d letters are left, %v", len(left), err)
		}
		if numbers, err := claim.DeadNumbers(t.ctx); err != nil || len(numbers) != 0 {
			t.Fatal(numbers, err)
		}
	})
}

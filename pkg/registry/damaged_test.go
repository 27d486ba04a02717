// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// nilTime is a record with nil for a time, on which msgpack's decoder panics.
func nilTime(field string) []byte {
	return append([]byte{recordVersion, 0x81, 0xa0 | byte(len(field))}, field+"\xc0"...)
}

// deep is a record that is nested too deep for a decoder that recurses.
func deep() []byte {
	return append([]byte{recordVersion, 0x81, 0xa1, 'x'}, bytes.Repeat([]byte{0x91}, 90_000)...)
}

// put writes what no registry would.
func (t *fixture) put(key, value []byte) {
	t.Helper()
	_, err := kv.Transact(t.ctx, t.env, t.store, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
		tx.Set(key, value)
		raiseMembership(tx)
		return struct{}{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedClaimCostsItsActor(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		other := api.ActorID{Namespace: "counter", ID: "b"}
		if _, err := t.Acquire(t.ctx, m, other, nil, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		for _, value := range [][]byte{nilTime("since"), deep(), {recordVersion}, {}, {recordVersion, 0xc1}, {99}} {
			t.put(claimKey(actorA), value)
			_, err := t.Acquire(t.ctx, m, actorA, nil, []byte{0xff})
			t.wantCode(err, api.CodeCorruptState)
			_, err = t.Owner(t.ctx, actorA)
			t.wantCode(err, api.CodeCorruptState)
			if err != nil && !strings.Contains(err.Error(), "counter") {
				t.Errorf("the key is not named by %v", err)
			}
			claims, _, err := t.Claims(t.ctx, "", "", api.ActorID{}, 0)
			if err != nil || len(claims) != 2 || !claims[0].Corrupt || claims[0].Actor != actorA ||
				claims[1].Corrupt || claims[1].Owner.Node != "n1" {
				t.Errorf("%+v, %v", claims, err)
			}
		}
	})
}

func TestADamagedMemberCostsItsRow(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		for _, value := range [][]byte{nilTime("started"), deep(), {99}} {
			t.put(nodeKey("n2"), value)
			v, err := t.View(t.ctx)
			if err != nil || len(v.Members()) != 1 || v.Nodes[1].ID != "n2" || v.Nodes[1].State != NodeCorrupt {
				t.Fatalf("%+v, %v", v, err)
			}
			leases, err := t.Leases(t.ctx)
			if err != nil || len(leases) != 2 || leases[1].Node.State != NodeCorrupt ||
				leases[1].Fence.Incarnation != n2.Node.Incarnation {
				t.Fatalf("%+v, %v", leases, err)
			}
			if _, err := t.Beat(t.ctx, n1, 1, api.Load{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if f, err := t.BreakLease(t.ctx, "n2"); err != nil || f == nil {
			t.Fatalf("it can't be fenced: %v", err)
		}
		t.put(nodeKey("n2"), nilTime("started"))
		if m := t.join("n2"); m.Node.Epoch != 3 {
			t.Errorf("joined again as %+v", m.Node)
		}
		t.put(namespaceKey("x"), nilTime("name")[:2])
		if v, err := t.View(t.ctx); err != nil || len(v.Members()) != 2 || len(v.CorruptNamespaces) != 1 ||
			v.CorruptNamespaces[0] != "x" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestWhatIsDueIsFoundBehindDamagedEntries(t *testing.T) {
	both(t, func(t *fixture) {
		shard := DueShard(actorA)
		begin, _ := kindRange(kindDue, shard)
		for _, damaged := range []string{"\x00", "\x01", "\x02"} {
			t.put(append(bytes.Clone(begin), damaged...), []byte{1})
		}
		t.put(dueKey(actorA, 5), (&DueEntry{}).value())
		if at, err := t.NextDueShard(t.ctx, shard); err != nil || at != shard {
			t.Errorf("shard %d, %v, want %d", at, err, shard)
		}
		for _, limit := range []int{1, 2, 100} {
			entries, _, err := t.Due(t.ctx, shard, DueEntry{}, limit)
			if err != nil || len(entries) != 1 || entries[0].Actor != actorA {
				t.Errorf("limit %d: %+v, %v", limit, entries, err)
			}
		}
	})
}

func TestADamagedDeadLetterIsListed(t *testing.T) {
	both(t, func(t *fixture) {
		t.put(deadKey(kindDead, actorA, 7), nilTime("alarm")[:3])
		letters, _, err := t.DeadLetters(t.ctx, "", "", DeadLetter{}, 0)
		if err != nil || len(letters) != 1 || letters[0].Number != 7 || letters[0].Actor != actorA ||
			letters[0].Code != "corrupt_state" {
			t.Errorf("%+v, %v", letters, err)
		}
	})
}

func TestADamagedQuarantineIsListedAndCleared(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		for name, value := range map[string][]byte{
			"nil time": nilTime("since"), "no version": {},
			"no findings": encodeRecord(&Quarantine{Versions: []string{"v1"}}),
		} {
			t.put(quarantineKey(actorA), value)
			_, err := t.Acquire(t.ctx, m, actorA, nil, []byte{0xff})
			t.wantCode(err, api.CodeCorruptState)
			all, _, err := t.Quarantines(t.ctx, "", api.ActorID{}, 0)
			if err != nil || len(all) != 1 || all[0].Actor != actorA || all[0].Damaged == "" || !all[0].Refused() {
				t.Errorf("%s: %+v, %v", name, all, err)
			}
			if cleared, err := t.ClearQuarantine(t.ctx, actorA); err != nil || !cleared {
				t.Errorf("%s: %v, %v", name, cleared, err)
			}
		}
		got, err := t.Acquire(t.ctx, m, actorA, nil, []byte{0xff})
		if err != nil || got.Claim == nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A key that is none costs no list: there is nothing to say about it, and no place in the order of the others.
func TestKeysThatAreNoneAreLeftOutOfLists(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		if _, err := t.Acquire(t.ctx, m, actorA, nil, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{kindClaim, kindDead, kindQuarantine} {
			t.put(tuple.Pack(Prefix, kind, 7), []byte{recordVersion, 0x80})
			t.put(append(tuple.Pack(Prefix, kind), 0xfe), []byte{recordVersion, 0x80})
		}
		if all, _, err := t.Claims(t.ctx, "", "", api.ActorID{}, 0); err != nil || len(all) != 1 {
			t.Errorf("claims: %+v, %v", all, err)
		}
		if all, _, err := t.DeadLetters(t.ctx, "", "", DeadLetter{}, 0); err != nil || len(all) != 0 {
			t.Errorf("dead letters: %+v, %v", all, err)
		}
		if all, _, err := t.Quarantines(t.ctx, "", api.ActorID{}, 0); err != nil || len(all) != 0 {
			t.Errorf("quarantines: %+v, %v", all, err)
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(nilTime("since"))
	f.Add(nilTime("started"))
	f.Add(encodeRecord(&claimRecord{Node: "n1", Token: 3, Move: []byte("m")}))
	f.Add(encodeRecord(&NodeInfo{ID: "n1", Namespaces: []string{"a"}}))
	f.Add((&DueEntry{}).value())
	f.Add(encodeRecord(&eventRecord{Millis: 1, Kind: "joined", Node: "n1", Cause: "at n1:1"}))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, record := range []any{
			new(Meta), new(NodeInfo), new(Fence), new(Beat), new(claimRecord), new(seqRecord), new(Namespace),
			new(DeadLetter), new(Quarantine), new(trialRecord), new(eventRecord),
		} {
			if err := decodeRecord([]byte("key"), value, record); err != nil && !damaged(err) {
				t.Errorf("%T: %v", record, err)
			}
		}
		for _, key := range [][]byte{dueKey(actorA, 1), value} {
			_, _ = decodeDue(kv.KeyValue{Key: key, Value: value})
			_, _ = shardOf(key)
			_, _ = decodeDead(kv.KeyValue{Key: key, Value: value})
			_, _ = claimActor(key)
			_, _ = decodeEvent(kv.KeyValue{Key: key, Value: value})
		}
	})
}

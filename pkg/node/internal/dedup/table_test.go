// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// book is a dedup table over a store of its own.
type book struct {
	*testing.T
	ledger *Table
	stored map[string][]byte
	now    uint64 // the store's version
}

func newBook(t *testing.T) *book {
	return &book{T: t, ledger: &Table{most: DefaultMaxRecords, tableBatch: noBatch}, stored: make(map[string][]byte)}
}

// run answers a call as an activation does: from the records, or by running and recording it. It returns what the
// caller is told, and whether the call has run.
func (b *book) run(key api.CallKey, body string) (call.Answer, bool) {
	c := &call.Call{Key: key, Method: "add", Body: []byte(body)}
	r, err := b.ledger.Find(c, b.now)
	switch {
	case err != nil:
		return call.Answer{Call: c, Err: err}, false
	case r != nil:
		return r.Answer(c), false
	}
	a := call.Answer{Call: c, Body: []byte("answer to " + body)}
	b.ledger.Add(&a, b.now)
	return a, true
}

func (b *book) commit(version uint64) {
	b.now = version
	b.ledger.Age(version)
	for _, w := range b.ledger.Writes() {
		if b.stored[string(w.Key)] = w.Value; w.Value == nil {
			delete(b.stored, string(w.Key))
		}
	}
	b.ledger.Stored()
}

// move forgets what is not in the store.
func (b *book) move() {
	b.Helper()
	var entries []registry.Entry
	for key, value := range b.stored {
		entries = append(entries, registry.Entry{Key: []byte(key), Value: value})
	}
	l, err := Load(entries, DefaultMaxRecords, false, b.now)
	if err != nil {
		b.Fatal(err)
	}
	b.ledger = l
}

func of(client string, counter, answered, birth uint64) api.CallKey {
	return api.CallKey{Client: client, Counter: counter, Answered: answered, Birth: birth}
}

func (b *book) wantForgotten(key api.CallKey) {
	b.Helper()
	if a, ran := b.run(key, "x"); ran || api.CodeOf(a.Err) != api.CodeUnknown || !api.Final(a.Err) {
		b.Errorf("%+v: ran %v, %v; want it refused as unknown for good", key, ran, a.Err)
	}
}

func TestRepeatsAreAnsweredFromRecords(t *testing.T) {
	b := newBook(t)
	keys := []api.CallKey{of("a", 1, 1, 5), of("b", 1, 1, 5), {Name: "n", Birth: 5}, {Name: "n", Path: "/0", Birth: 5},
		of("a", 1, 1, 5).Child(api.ActorID{}, 3)}
	for i, key := range keys {
		if _, ran := b.run(key, fmt.Sprint(i)); !ran {
			t.Fatalf("%+v has not run", key)
		}
	}
	b.commit(10)
	b.move()
	for i, key := range keys {
		if a, ran := b.run(key, fmt.Sprint(i)); ran || a.Err != nil ||
			!bytes.Equal(a.Body, fmt.Append(nil, "answer to ", i)) {
			t.Errorf("%+v: ran %v, %q %v", key, ran, a.Body, a.Err)
		}
		if a, ran := b.run(key, "other"); ran || api.CodeOf(a.Err) != api.CodeFailedPrecondition {
			t.Errorf("%+v with another request: ran %v, %v", key, ran, a.Err)
		}
	}
}

func TestAcknowledgedRecordsGoAndStayDone(t *testing.T) {
	b := newBook(t)
	for counter := uint64(1); counter <= 50; counter++ {
		b.run(of("a", counter, counter, 5), "x")
		b.run(of("b", counter, 1, 5), "x") // never says that it has an answer
		b.commit(10)
		b.move()
	}
	if len(b.stored) != 51 {
		t.Errorf("%d records are stored, want the newest of one client and all of the other", len(b.stored))
	}
	b.wantForgotten(of("a", 49, 1, 5))
	if _, ran := b.run(of("b", 49, 1, 5), "x"); ran {
		t.Error("a call that was not acknowledged has run again")
	}
}

func TestWhatIsAnsweredHereSaysNothingOfWhatHandlersAsk(t *testing.T) {
	b := newBook(t)
	from := of("a", 1, 1, 5)
	child := from.Child(api.ActorID{}, 0) // of a call to another actor, which waits
	b.run(child, "x")
	direct := func(counter, answered, here uint64) api.CallKey {
		key := of("a", counter, answered, 5)
		key.AnsweredHere = here
		return key
	}
	for counter := uint64(2); counter <= 9; counter++ {
		b.run(direct(counter, 1, counter), "x")
		b.commit(10)
		b.move()
	}
	if len(b.stored) != 2 {
		t.Errorf("%d records are stored, want that of the handler's call and the newest", len(b.stored))
	}
	if a, ran := b.run(child, "x"); ran || a.Err != nil {
		t.Errorf("the repeat of a handler's call: ran %v, %v", ran, a.Err)
	}
	b.wantForgotten(direct(5, 1, 1))
	b.run(direct(10, 10, 10), "x") // all that came before has been answered
	late := of("a", 10, 10, 5)
	b.run(late.Child(api.ActorID{}, 0), "x")
	b.commit(10)
	b.move()
	b.wantForgotten(child)
	if len(b.stored) != 2 {
		t.Errorf("%d records are stored, want the newest of both kinds", len(b.stored))
	}
}

func TestTheFloorRefusesWhatMayHaveBeenDropped(t *testing.T) {
	b := newBook(t)
	b.run(of("a", 1, 1, 5), "x")
	b.commit(10)
	b.run(of("b", 1, 1, recordVersionsMax), "x")
	b.commit(recordVersionsMax + 6)
	b.move()
	if len(b.stored) != 2 || b.ledger.lowWater != 6 {
		t.Fatalf("%d pairs, floor %d; want the record of the younger call, and the floor above the older",
			len(b.stored), b.ledger.lowWater)
	}
	b.wantForgotten(of("a", 1, 1, 5))
	b.wantForgotten(of("never seen", 1, 1, 5))
	if _, ran := b.run(of("new", 1, 1, 6), "x"); !ran {
		t.Error("a call that was born above the floor has not run")
	}
}

func TestACrowdDoesNotRefuseYoungCalls(t *testing.T) {
	b := newBook(t)
	const now = recordVersionsMax
	for i := range 3 * DefaultMaxRecords {
		if _, ran := b.run(of(fmt.Sprint("guest", i), 1, 1, now), "x"); !ran {
			t.Fatalf("guest %d was refused", i)
		}
		b.commit(now)
	}
	b.run(of("late", 1, 1, now+recordsYoung+1), "x")
	b.commit(now + recordsYoung + 1)
	if n := len(b.ledger.entries); n > DefaultMaxRecords {
		t.Errorf("%d records are kept when all are old", n)
	}
	for i := range 2 * recordsCrowdMax * DefaultMaxRecords {
		b.run(of(fmt.Sprint("flood", i), 1, 1, now+recordsYoung+2), "x")
		b.commit(now + recordsYoung + 2)
	}
	if n := len(b.ledger.entries); n > recordsCrowdMax*DefaultMaxRecords {
		t.Errorf("%d records are kept of a flood", n)
	}
}

func TestRevertedRecordsAreAsBefore(t *testing.T) {
	b := newBook(t)
	b.run(of("a", 1, 1, 5), "x")
	b.commit(10)
	before := fmt.Sprint(b.ledger.entries[0].Key, b.ledger.clients, b.ledger.lowWater)
	b.run(of("a", 2, 2, 5), "x")
	b.run(of("a", 3, 3, 5), "x")
	b.ledger.Age(recordVersionsMax + 6)
	b.ledger.Revert()
	if after := fmt.Sprint(b.ledger.entries[0].Key, b.ledger.clients, b.ledger.lowWater); len(b.ledger.entries) != 1 ||
		after != before {
		t.Errorf("%d records, %s, want %s", len(b.ledger.entries), after, before)
	}
	if _, ran := b.run(of("a", 2, 2, 5), "x"); !ran {
		t.Error("a call whose batch was undone does not run")
	}
}

func TestDamagedRecordsAreNotRead(t *testing.T) {
	r := Entry{Key: of("a", 1, 1, 5), Body: []byte("x"), err: api.Errorf(api.CodeApplication, "no")}
	key, value := statekeys.DedupEntry(&r.Key), r.Encode()
	if _, err := DecodeEntry(key, value); err != nil {
		t.Fatal(err)
	}
	for n := range value {
		if _, err := DecodeEntry(key, value[:n]); api.CodeOf(err) != api.CodeCorruptState {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeEntry(key[:len(key)-1], value); api.CodeOf(err) != api.CodeCorruptState {
		t.Errorf("of another key: %v", err)
	}
}

// A record's time counts from when the call ran, as far as the owner knows, but not from before its birth.
func TestANamedCallBornAheadOfItsOwnerRunsOnce(t *testing.T) {
	const now = 2 * recordVersionsMax
	b := newBook(t)
	b.now = now
	key := api.CallKey{Name: "n", Birth: now + 5}
	b.run(key, "x")
	for later := uint64(now + recordVersionsMax); later < now+recordVersionsMax+10; later++ {
		b.commit(later)
		if _, ran := b.run(key, "x"); ran {
			t.Fatalf("%d versions later, the call has run again", later-now)
		}
	}
}

// Named calls are kept for their time however many there are. When they fill the room, new ones are refused and old
// ones go on.
func TestNamedCallsAreNotDroppedForOthers(t *testing.T) {
	b := newBook(t)
	b.ledger.most = 4
	const now = 2 * recordVersionsMax
	b.now = now
	ran := 0
	for i := range 10_000 {
		key := api.CallKey{Name: fmt.Sprint("k", i), Birth: now}
		if err := b.ledger.Admit(&key, now); err != nil {
			if api.CodeOf(err) != api.CodeOverloaded {
				t.Fatal(err)
			}
			break
		}
		b.run(key, "x")
		b.run(of(fmt.Sprint("c", i), 1, 1, now-recordsYoung-1), "x")
		b.commit(now)
		ran++
	}
	if ran == 10_000 || ran < 1000 {
		t.Errorf("%d named calls were admitted", ran)
	}
	b.move()
	b.ledger.most = 4
	for i := range ran {
		if _, again := b.run(api.CallKey{Name: fmt.Sprint("k", i), Birth: now}, "x"); again {
			t.Fatalf("named call %d has run again", i)
		}
	}
	b.now = now + recordVersionsMax + 1
	if err := b.ledger.Admit(&api.CallKey{Name: "late", Birth: b.now}, b.now); err != nil {
		t.Errorf("when their time is over: %v", err)
	}
}

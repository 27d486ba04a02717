// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var (
	someEvent = api.Event{Time: "2026-03-04T05:06:07.089Z", By: "n1", Number: 1772600767089001,
		Kind: api.EventTakenOver, Node: "n1", Actor: "counter/a", Count: 3, From: "n2", To: "n1",
		Cause: "node n2 has failed"}
	joinEvent = api.Event{Time: "2026-03-04T05:06:07.000Z", By: "n1", Number: 7, Kind: api.EventJoined, Node: "n1",
		Incarnation: "000102030405060708090a0b0c0d0e0f", Cause: "at n1:1"}
)

func pairOf(e *api.Event) kv.KeyValue {
	record := newEventRecord(e)
	return kv.KeyValue{Key: eventKey(e.By, e.Number), Value: encodeRecord(&record)}
}

// TestEventsAreStoredAs compares events with the bytes that other versions read and write.
func TestEventsAreStoredAs(t *testing.T) {
	for _, c := range []struct {
		event      api.Event
		key, value string
	}{
		{joinEvent, "026b656c70696500026576656e7400026e31001507",
			"0185a26d73cf0000019cb73d3218a46b696e64a66a6f696e6564a46e6f6465a26e31ab696e6361726e6174696f6ed92030303031" +
				"303230333034303530363037303830393061306230633064306530" + "66a56361757365a76174206e313a31"},
		{someEvent, "026b656c70696500026576656e7400026e31001b064c2bc70d0969",
			"0188a26d73cf0000019cb73d3271a46b696e64aa74616b656e5f6f766572a46e6f6465a26e31a56163746f72a9636f756e746572" +
				"2f61a5636f756e7403a466726f6da26e32a2746fa26e31a56361757365b26e6f6465206e3220686173206661696c6564"},
	} {
		p := pairOf(&c.event)
		if hex.EncodeToString(p.Key) != c.key || hex.EncodeToString(p.Value) != c.value {
			t.Errorf("%s is stored as\n%x\n%x", c.event.Kind, p.Key, p.Value)
		}
	}
	for _, e := range []api.Event{someEvent, joinEvent} {
		got, err := decodeEvent(pairOf(&e))
		if again := got.record.event(got.by, got.number); err != nil || again != e {
			t.Errorf("%+v comes back as %+v, %v", e, again, err)
		}
	}
}

// Fields that a later version has added are passed over, and those that an earlier one did not have are empty.
func TestEventsOfOtherVersionsAreRead(t *testing.T) {
	later, err := msgpack.Marshal(map[string]any{"ms": 5, "kind": "later_kind", "later": []any{1, "x"}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := decodeEvent(kv.KeyValue{Key: eventKey("n1", 9), Value: append([]byte{recordVersion}, later...)})
	if want := (api.Event{Time: "1970-01-01T00:00:00.005Z", By: "n1", Number: 9, Kind: "later_kind"}); err != nil ||
		e.record.event(e.by, e.number) != want {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestALongCauseIsCut(t *testing.T) {
	e := someEvent
	e.Cause = strings.Repeat("ä", kv.ValueBytesMax)
	p := pairOf(&e)
	got, err := decodeEvent(p)
	if err != nil || len(p.Value) > 2*eventCauseBytesMax || !strings.HasSuffix(got.record.Cause, "ä...") {
		t.Errorf("%d bytes, %v", len(p.Value), err)
	}
}

// tell stores events of a member that have happened at a time.
func (t *fixture) tell(m *Member, at time.Time, from uint64, numbers ...uint64) {
	t.Helper()
	if err := t.StoreEvents(t.ctx, m, eventsOf(m, at, numbers...), from); err != nil {
		t.Fatal(err)
	}
}

func eventsOf(m *Member, at time.Time, numbers ...uint64) (out []api.Event) {
	for _, n := range numbers {
		out = append(out, api.Event{Time: at.UTC().Format(api.TimeLayout), By: m.Node.ID, Number: n,
			Kind: api.EventStuck})
	}
	return out
}

// events lists what is stored, a page after the other.
func (t *fixture) events(since time.Time) (out []string) {
	t.Helper()
	var p EventsPage
	for first := true; first || p.Next != nil; first = false {
		var err error
		if p, err = t.Events(t.ctx, since, p.Next); err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			out = append(out, fmt.Sprintf("%s#%d", e.By, e.Number))
		}
	}
	return out
}

func TestEventsAreListedAndDeleted(t *testing.T) {
	both(t, func(t *fixture) {
		n1, n2 := t.join("n1"), t.join("n2")
		early, late := time.UnixMilli(1_000_000), time.UnixMilli(2_000_000)
		t.tell(n2, early, 0, 5, 6)
		t.tell(n1, early, 0, 1, 2)
		t.tell(n1, late, 2, 3)
		if got := t.events(time.Time{}); !slices.Equal(got, []string{"n1#2", "n1#3", "n2#5", "n2#6"}) {
			t.Errorf("all: %v", got)
		}
		if got := t.events(late); !slices.Equal(got, []string{"n1#3"}) {
			t.Errorf("since then: %v", got)
		}
		marks, err := t.EventMarks(t.ctx, "n1")
		if err != nil || len(marks) != 2 || marks[0].Number != 2 || !marks[0].At.Equal(early) ||
			marks[1].Number != 3 {
			t.Errorf("%+v, %v", marks, err)
		}
		var many []uint64
		for n := range uint64(pageRows) + 5 {
			many = append(many, 10+n)
		}
		t.tell(n2, late, 0, many...)
		if got := t.events(time.Time{}); len(got) != len(many)+4 {
			t.Errorf("%d over several pages, want %d", len(got), len(many)+4)
		}
		_, err = t.Events(t.ctx, time.Time{}, claimKey(actorA))
		t.wantCode(err, api.CodeInvalidArgument)
	})
}

// TestOfTwoProcessesTheFormerStoresNoEvents has a process store events while another takes its name: those that it
// has stored until then are known to the other, and it stores no more.
func TestOfTwoProcessesTheFormerStoresNoEvents(t *testing.T) {
	both(t, func(t *fixture) {
		former := t.join("n1")
		if former.LastEvent != 0 {
			t.Fatalf("joined behind event %d", former.LastEvent)
		}
		now := time.UnixMilli(1_000_000)
		t.tell(former, now, 0, 7)
		t.store.next = func(commit func() error) (error, bool) { // of the join, which has read that 7 is the last
			t.store.next = nil
			t.tell(former, now, 0, 8, 9)
			return commit(), false
		}
		latter := t.join("n1")
		if latter.LastEvent != 9 {
			t.Errorf("joined behind event %d, want 9", latter.LastEvent)
		}
		t.wantCode(t.StoreEvents(t.ctx, former, eventsOf(former, now, 10), 9), api.CodeFenced)
		t.tell(latter, now, 0, 10)
		if got := t.events(time.Time{}); !slices.Equal(got, []string{"n1#7", "n1#8", "n1#9", "n1#10"}) {
			t.Errorf("%v", got)
		}
	})
}

// TestALateCommitOfEventsIsRefused has a commit of a process arrive after another has taken its name.
func TestALateCommitOfEventsIsRefused(t *testing.T) {
	both(t, func(t *fixture) {
		former := t.join("n1")
		var late func() error
		t.store.next = func(commit func() error) (error, bool) {
			late = commit
			return kv.ErrCommitUnknown, false
		}
		if err := t.StoreEvents(t.ctx, former, eventsOf(former, time.UnixMilli(5), 7), 0); err == nil {
			t.Fatal("its outcome is not known")
		}
		latter := t.join("n1")
		if err := late(); !kv.NeverCommitted(err) {
			t.Errorf("it comes late: %v", err)
		}
		if latter.LastEvent != 0 || len(t.events(time.Time{})) != 0 {
			t.Errorf("joined behind %d, stored are %v", latter.LastEvent, t.events(time.Time{}))
		}
	})
}

func TestEventsOfNodesThatTellNothingAreDeleted(t *testing.T) {
	both(t, func(t *fixture) {
		now := time.UnixMilli(1_800_000_000_000)
		ages := map[string]time.Duration{"gone": api.EventsKeptFor + time.Minute, "new": time.Hour,
			"ahead": -api.EventsKeptFor - time.Minute, "damaged": time.Hour, "unreadable": time.Hour}
		for _, id := range []string{"ahead", "damaged", "gone", "new", "unreadable"} {
			m := t.join(id)
			t.tell(m, now.Add(-2*api.EventsKeptFor), 0, 1)
			t.tell(m, now.Add(-ages[id]), 0, 2, 3)
		}
		t.put(eventKey("damaged", 3), []byte{recordVersion, 0xc1})
		for n := range uint64(3) {
			t.put(eventKey("unreadable", n+1), []byte{recordVersion, 0xc1})
		}
		for i := range 2 * eventNodesAtOnce { // more than a transaction looks at
			t.put(eventKey(fmt.Sprintf("x%03d", i), 1), pairOf(&someEvent).Value) // of a time long ago
		}
		nodes, err := t.DropOldEvents(t.ctx, now)
		if err != nil || len(nodes) != 2+2*eventNodesAtOnce || nodes[0] != "ahead" || nodes[1] != "gone" {
			t.Errorf("%d nodes: %v, %v", len(nodes), nodes, err)
		}
		if got := t.events(time.Time{}); !slices.Equal(got, []string{"damaged#1", "damaged#2", "damaged#3", "new#1",
			"new#2", "new#3", "unreadable#1", "unreadable#2", "unreadable#3"}) {
			t.Errorf("%v", got)
		}
		t.store.next = func(func() error) (error, bool) {
			t.Error("it writes, with nothing to delete")
			return nil, false
		}
		if nodes, err = t.DropOldEvents(t.ctx, now); err != nil || len(nodes) != 0 {
			t.Errorf("again: %v, %v", nodes, err)
		}
		t.store.next = nil
	})
}

func TestDamagedEventsAreListed(t *testing.T) {
	both(t, func(t *fixture) {
		m := t.join("n1")
		t.tell(m, time.UnixMilli(5), 0, 1, 2, 3)
		for _, value := range [][]byte{nilTime("ms"), deep(), {recordVersion}, {}, {recordVersion, 0xc1}, {99}} {
			t.put(eventKey("n1", 2), value)
			p, err := t.Events(t.ctx, time.UnixMilli(5), nil)
			if err != nil || len(p.Events) != 3 || p.Events[2].Kind != api.EventStuck {
				t.Errorf("%x: %+v, %v", value[:min(len(value), 9)], p.Events, err)
			}
		}
		if p, _ := t.Events(t.ctx, time.UnixMilli(6), nil); len(p.Events) != 1 || p.Events[0].Number != 2 ||
			p.Events[0].Kind != api.EventCorrupt || p.Events[0].Cause == "" {
			t.Errorf("whenever it was, it is listed: %+v", p.Events)
		}
		t.put(eventKey("n1", 3), []byte{99})
		t.put(join(eventKey("n1", 4), []byte{0x15, 1}), []byte{99}) // the key of no event
		if again := t.join("n1"); again.LastEvent != 0 && again.LastEvent != 3 {
			t.Errorf("joined behind event %d", again.LastEvent)
		}
	})
}

// FuzzEvents decodes any pair as a stored event: what is read is stored again as what reads the same.
func FuzzEvents(f *testing.F) {
	for _, e := range []api.Event{someEvent, joinEvent} {
		p := pairOf(&e)
		f.Add(p.Key, p.Value)
	}
	f.Add(eventKey("n1", 0), []byte{recordVersion})
	f.Add(claimKey(actorA), []byte{recordVersion, 0x80})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, err := decodeEvent(kv.KeyValue{Key: key, Value: value})
		if err != nil {
			return
		}
		again, err := decodeEvent(kv.KeyValue{Key: eventKey(e.by, e.number), Value: encodeRecord(&e.record)})
		if err != nil || again != e {
			t.Fatalf("%+v is read as %+v, %v", e, again, err)
		}
		if kind, namespace := KindOf(key); kind != kindEvent || namespace != "" {
			t.Fatalf("%x is of %q, %q", key, kind, namespace)
		}
		_ = e.record.event(e.by, e.number)
		if r, err := Restored(kv.KeyValue{Key: key, Value: value}, nil); err != nil || len(r.Pairs) > 0 {
			t.Fatalf("%x is restored as %v, %v", key, r.Pairs, err)
		}
		if left := ForBackup([]kv.KeyValue{{Key: bytes.Clone(key)}, {Key: metaKey}}); len(left) != 1 {
			t.Fatalf("%x is in a backup", key)
		}
	})
}

func TestCheckLooksAtEvents(t *testing.T) {
	good := pairOf(&someEvent)
	for _, c := range []struct {
		pair kv.KeyValue
		ok   bool
	}{
		{good, true}, {kv.KeyValue{Key: good.Key, Value: []byte{99}}, false},
		{kv.KeyValue{Key: eventKey("n1", 1)[:20], Value: good.Value}, true}, // which is no tuple, and not Kelpie's
		{kv.KeyValue{Key: join(good.Key, []byte{0x15, 1}), Value: good.Value}, false},
	} {
		var problems []Problem
		checker := Checker{Report: func(p Problem) { problems = append(problems, p) }}
		if err := checker.Pair(t.Context(), c.pair); err != nil {
			t.Fatal(err)
		}
		if c.ok != (len(problems) == 0) || !c.ok && (problems[0].Repair == nil || problems[0].Repair.Value != nil) {
			t.Errorf("%x: %+v", c.pair.Key, problems)
		}
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

func testAlarm(name string, at int64) *alarm {
	al := &alarm{origin: "o", tries: 3, retry: 7}
	al.Name, al.Method, al.Due, al.Every, al.Cron, al.Attempts, al.Request = name, "m", time.UnixMilli(at).UTC(),
		time.Hour, "c", 2, []byte("r")
	return al
}

func TestAnAgendaIsLoadedAsItWasStored(t *testing.T) {
	g := newAgenda()
	g.due = 17
	g.put(testAlarm("b", 2000))
	g.put(testAlarm("a", 1000))
	g.keep()
	g.committed = g.kept
	g.outbox = []*message{
		{number: 1 << numberBits, origin: 5, target: api.ActorID{Namespace: "x", ID: "y"}, method: "m",
			body: []byte("b"), since: 9, attempts: 4},
		{number: 1 << 40, origin: 1 << 40, target: api.ActorID{Namespace: "x", ID: "z"}, method: "n"},
	}
	entries := g.entries()
	if !slices.IsSortedFunc(entries, func(x, y registry.Entry) int { return bytes.Compare(x.Key, y.Key) }) {
		t.Error("entries are not in the order in which the store has them")
	}
	for _, e := range entries {
		if bytes.Compare(e.Key, spacePart) < 0 || bytes.Compare(e.Key, recordPart) >= 0 ||
			bytes.HasPrefix(e.Key, spacePart) {
			t.Errorf("%q does not lie between the space and the records", e.Key)
		}
	}
	back, err := loadAgenda(entries, true)
	if err != nil {
		t.Fatal(err)
	}
	if back.due != g.due || !reflect.DeepEqual(back.committed, g.committed) || len(back.outbox) != 2 ||
		!reflect.DeepEqual(back.entries(), entries) {
		t.Errorf("%+v became %+v", g, back)
	}
	if back.outbox[0].target != g.outbox[0].target || back.outbox[0].attempts != 4 || back.outbox[1].number != 1<<40 {
		t.Errorf("%+v", back.outbox[0])
	}
}

func TestAHandlersAlarmsAreItsOwnUntilItSucceeds(t *testing.T) {
	g := newAgenda()
	g.begin()
	g.put(testAlarm("a", 1000))
	g.keep()
	g.begin()
	g.put(testAlarm("b", 2000))
	if !g.cancel("a") || g.cancel("x") {
		t.Error("cancel does not tell what was there")
	}
	g.begin() // it has failed
	if g.alarm("a") == nil || g.alarm("b") != nil {
		t.Error("what failed has had an effect")
	}
	g.revert()
	if g.alarm("a") != nil {
		t.Error("what was reverted has had an effect")
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	g := newAgenda()
	a, b, c := testAlarm("a", 1), testAlarm("b", 2), testAlarm("c", 3)
	g.committed, g.kept = []*alarm{a, b, c}, []*alarm{a, testAlarm("b", 4), testAlarm("d", 5)}
	var wrote []string
	for _, w := range g.alarmWrites(1) {
		e := registry.Entry{Key: w.Key, Value: w.Value}
		if w.Value == nil {
			wrote = append(wrote, "clear "+string(w.Key))
			continue
		}
		al, err := decodeAlarm(e)
		if err != nil {
			t.Fatal(err)
		}
		wrote = append(wrote, al.Name)
	}
	if !slices.Equal(wrote, []string{"b", "clear " + string(alarmKey("c")), "d"}) {
		t.Errorf("%q", wrote)
	}
}

func TestMarksRoundTrip(t *testing.T) {
	for _, m := range []mark{
		{}, {number: 1 << 50}, {number: 3, failed: givenUp(api.Errorf(api.CodeApplication, "no"), "mine")}} {
		back, err := decodeMark(m.encode())
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%+v became %+v: %v", m, back, err)
		}
	}
}

func FuzzAgenda(f *testing.F) {
	al, m, k := testAlarm("a", 1000), &message{number: 1, method: "m"}, mark{number: 1}
	f.Add(alarmKey("a"), al.encode())
	f.Add(outboxKey(1), m.encode())
	f.Add([]byte("i"), k.encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, err := loadAgenda([]registry.Entry{{Key: key, Value: value}}, true)
		if err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Error(err)
		}
		if _, err := decodeMark(value); err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Error(err)
		}
	})
}

// Most actors have nothing to do by themselves: what they take must not grow for those that do.
func TestAnActivationKeepsItsSize(t *testing.T) {
	if size := reflect.TypeFor[activation]().Size(); size > 128 {
		t.Errorf("an activation takes %d bytes: beyond 128 the allocator gives it 144", size)
	}
}

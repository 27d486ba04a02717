// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

func testAlarm(name string, at int64) *call.Alarm {
	al := &call.Alarm{Origin: "o", Tries: 3, Retry: 7}
	al.Name, al.Method, al.Due, al.Every, al.Cron, al.Attempts, al.Request = name, "m", time.UnixMilli(at).UTC(),
		time.Hour, "c", 2, []byte("r")
	return al
}

func TestAnAgendaIsLoadedAsItWasStored(t *testing.T) {
	g := NewSchedule()
	g.Due = 17
	g.Put(testAlarm("b", 2000))
	g.Put(testAlarm("a", 1000))
	g.Keep()
	g.committed = g.kept
	g.Outbox = []*Message{
		{Number: 1 << numberBits, Origin: 5, Target: api.ActorID{Namespace: "x", ID: "y"}, Method: "m",
			Body: []byte("b"), Since: 9, Attempts: 4},
		{Number: 1 << 40, Origin: 1 << 40, Target: api.ActorID{Namespace: "x", ID: "z"}, Method: "n"},
	}
	entries := g.Entries()
	if !slices.IsSortedFunc(entries, func(x, y registry.Entry) int { return bytes.Compare(x.Key, y.Key) }) {
		t.Error("entries are not in the order in which the store has them")
	}
	for _, e := range entries {
		if bytes.Compare(e.Key, statekeys.KV) < 0 || bytes.Compare(e.Key, statekeys.Dedup) >= 0 ||
			bytes.HasPrefix(e.Key, statekeys.KV) {
			t.Errorf("%q does not lie between the space and the records", e.Key)
		}
	}
	back, err := LoadSchedule(entries, true)
	if err != nil {
		t.Fatal(err)
	}
	if back.Due != g.Due || !reflect.DeepEqual(back.committed, g.committed) || len(back.Outbox) != 2 ||
		!reflect.DeepEqual(back.Entries(), entries) {
		t.Errorf("%+v became %+v", g, back)
	}
	if back.Outbox[0].Target != g.Outbox[0].Target || back.Outbox[0].Attempts != 4 || back.Outbox[1].Number != 1<<40 {
		t.Errorf("%+v", back.Outbox[0])
	}
}

func TestAHandlersAlarmsAreItsOwnUntilItSucceeds(t *testing.T) {
	g := NewSchedule()
	_ = g.Rollback()
	g.Put(testAlarm("a", 1000))
	g.Keep()
	_ = g.Rollback()
	g.Put(testAlarm("b", 2000))
	if !g.Cancel("a") || g.Cancel("x") {
		t.Error("cancel does not tell what was there")
	}
	_ = g.Rollback() // it has failed
	if g.Alarm("a") == nil || g.Alarm("b") != nil {
		t.Error("what failed has had an effect")
	}
	g.Revert()
	if g.Alarm("a") != nil {
		t.Error("what was reverted has had an effect")
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	g := NewSchedule()
	a, b, c := testAlarm("a", 1), testAlarm("b", 2), testAlarm("c", 3)
	g.committed, g.kept = []*call.Alarm{a, b, c}, []*call.Alarm{a, testAlarm("b", 4), testAlarm("d", 5)}
	var wrote []string
	for _, w := range g.alarmWrites(1) {
		e := registry.Entry{Key: w.Key, Value: w.Value}
		if w.Value == nil {
			wrote = append(wrote, "clear "+string(w.Key))
			continue
		}
		al, err := call.DecodeAlarm(e)
		if err != nil {
			t.Fatal(err)
		}
		wrote = append(wrote, al.Name)
	}
	if !slices.Equal(wrote, []string{"b", "clear " + string(statekeys.Alarm("c")), "d"}) {
		t.Errorf("%q", wrote)
	}
}

func TestMarksRoundTrip(t *testing.T) {
	for _, m := range []HighWater{
		{}, {Number: 1 << 50}, {Number: 3, Failed: GivenUp(api.Errorf(api.CodeApplication, "no"), "mine")}} {
		back, err := decodeHighWater(m.Encode())
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%+v became %+v: %v", m, back, err)
		}
	}
}

func FuzzAgenda(f *testing.F) {
	al, m, k := testAlarm("a", 1000), &Message{Number: 1, Method: "m"}, HighWater{Number: 1}
	f.Add(statekeys.Alarm("a"), al.Encode())
	f.Add(statekeys.Message(1), m.encode())
	f.Add([]byte("i"), k.Encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, err := LoadSchedule([]registry.Entry{{Key: key, Value: value}}, true)
		if err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Error(err)
		}
		if _, err := decodeHighWater(value); err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Error(err)
		}
	})
}

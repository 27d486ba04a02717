// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"reflect"
	"testing"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// FuzzMessage decodes any pair as a message in an outbox. What is taken makes sense, and is the same when it is encoded
// and decoded again.
func FuzzMessage(f *testing.F) {
	m := &Message{Number: 7, Origin: 5, Target: api.ActorID{Namespace: "counter", ID: "a"}, Method: "add",
		Body: []byte("1"), Since: 1000, Attempts: 2}
	f.Add(statekeys.Message(m.Number), m.encode())
	m.Error, m.Retry = "no", 2000
	f.Add(statekeys.Message(m.Number), m.encode())
	m.Attempts = -1 // a number that no int holds
	f.Add(statekeys.Message(m.Number), m.encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		m, err := DecodeMessage(registry.Entry{Key: key, Value: value})
		if err != nil {
			if api.CodeOf(err) != api.CodeCorruptState {
				t.Fatal(err)
			}
			return
		}
		if m.Attempts < 0 || m.Number == 0 {
			t.Fatalf("%x is taken for %+v", value, m)
		}
		again, err := DecodeMessage(registry.Entry{Key: key, Value: m.encode()})
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v, and then %+v, %v", m, again, err)
		}
	})
}

// TestAMessageOfTheFirstVersionIsRead reads the record as it was before it told of failures.
func TestAMessageOfTheFirstVersionIsRead(t *testing.T) {
	want := &Message{Number: 7, Origin: 5, Target: api.ActorID{Namespace: "counter", ID: "a"}, Method: "add",
		Body: []byte("1"), Since: 1000, Attempts: 2}
	b := api.AppendArrayHeader([]byte{messageVersion}, messageFields)
	b = api.AppendUint(b, want.Origin)
	b = api.AppendString(b, want.Target.Namespace)
	b = api.AppendString(b, want.Target.ID)
	b = api.AppendString(b, want.Method)
	b = api.AppendInt(b, want.Since)
	b = api.AppendUint(b, uint64(want.Attempts))
	b = api.AppendBytes(b, want.Body)
	got, err := DecodeMessage(registry.Entry{Key: statekeys.Message(7), Value: b})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v: %v", got, err)
	}
	want.Error, want.Retry = "never works", 5000
	got, err = DecodeMessage(registry.Entry{Key: statekeys.Message(7), Value: want.encode()})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v: %v", got, err)
	}
}

// FuzzInbox loads any pair as a mark of an inbox. What is taken is the same when it is written and loaded again.
func FuzzInbox(f *testing.F) {
	from := source{sender: api.ActorID{Namespace: "counter", ID: "a"}}
	outside := source{sender: from.sender, outside: true}
	failed := HighWater{Number: 3, Failed: GivenUp(api.Errorf(api.CodeApplication, "no"), "mine")}
	f.Add(from.Key(), (&HighWater{Number: 7}).Encode())
	f.Add(outside.Key(), failed.Encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		b := inbox{Volatile: true}
		if err := b.Load([]registry.Entry{{Key: key, Value: value}}); err != nil {
			if api.CodeOf(err) != api.CodeCorruptState {
				t.Fatal(err)
			}
			return
		}
		again := inbox{Volatile: true}
		if err := again.Load(b.Entries()); err != nil || !reflect.DeepEqual(again, b) {
			t.Fatalf("%+v, and then %+v, %v", b, again, err)
		}
	})
}

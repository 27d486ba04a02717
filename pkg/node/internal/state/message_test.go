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
	m.Attempts = -1 // a number that no int holds
	f.Add(statekeys.Message(m.Number), m.encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		m, err := decodeMessage(registry.Entry{Key: key, Value: value})
		if err != nil {
			if api.CodeOf(err) != api.CodeCorruptState {
				t.Fatal(err)
			}
			return
		}
		if m.Attempts < 0 || m.Number == 0 {
			t.Fatalf("%x is taken for %+v", value, m)
		}
		again, err := decodeMessage(registry.Entry{Key: key, Value: m.encode()})
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v, and then %+v, %v", m, again, err)
		}
	})
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

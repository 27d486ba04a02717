// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// FuzzDue decodes any pair as an entry of the list of what is due, and any pair as one of a backup.
func FuzzDue(f *testing.F) {
	actor := api.ActorID{Namespace: "counter", ID: "a"}
	f.Add(dueKey(actor, 7), (&DueEntry{}).value())
	f.Add(dueKey(actor, DueAtOnce), []byte{recordVersion})
	f.Add(claimKey(actor), encodeRecord(&claimRecord{Token: 7}))
	f.Add(join(statePrefix(actor), dueTimeKey), []byte{0, 0, 0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		pair := kv.KeyValue{Key: key, Value: value}
		if e, err := decodeDue(pair); err == nil && !bytes.Equal(e.value(), value) {
			t.Fatalf("%x is taken for %+v", value, e)
		}
		asItIs := func(_ api.ActorID, _, value []byte) (RestoredPart, error) { return RestoredPart{Value: value}, nil }
		if _, err := Restored(pair, asItIs); err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Fatal(err)
		}
	})
}

// FuzzPlacement parses any text as a strategy of placement, and as a preference.
func FuzzPlacement(f *testing.F) {
	for _, p := range Placements() {
		f.Add(string(p), "zone=a")
	}
	f.Add("", "=")
	f.Fuzz(func(t *testing.T, placement, prefer string) {
		p, err := ParsePlacement(placement)
		if err == nil && string(p) != placement {
			t.Fatalf("%q is taken for %q", placement, p)
		}
		ns := Namespace{Placement: p, Prefer: prefer}
		if err := ns.Validate(); err != nil && api.CodeOf(err) != api.CodeInvalidArgument {
			t.Fatal(err)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"reflect"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// FuzzSnapshot receives any bytes as a snapshot that comes in two pieces, the last one first. What is taken is the same
// when it is encoded and decoded again, and a snapshot that is forgotten leaves nothing behind.
func FuzzSnapshot(f *testing.F) {
	entry := []registry.Entry{{Key: []byte("k"), Value: []byte("v")}}
	for _, s := range []Snapshot{{}, {State: entry, KV: entry, Marks: entry, Payload: []byte{}}} {
		f.Add(s.Encode(), 1)
	}
	f.Add([]byte{snapshotFormat, 0x96, 0, 0xc4, 0, 0xdd, 0xff, 0xff, 0xff, 0xff}, 3)
	f.Fuzz(func(t *testing.T, encoded []byte, at int) {
		if at <= 0 || at >= len(encoded) {
			return
		}
		var all Arrivals
		a := &Arrival{Move: api.MoveID{1}, Actor: api.ActorID{Namespace: "counter", ID: "a"}}
		if err := all.Expect(a); err != nil {
			t.Fatal(err)
		}
		p := api.MovePieceRequest{Move: a.Move, Offset: at, Total: len(encoded), Sum: Sum(encoded), Data: encoded[at:]}
		if err := all.Receive(&p, 0); err != nil {
			t.Fatal(err)
		}
		p.Offset, p.Data = 0, encoded[:at]
		switch err := all.Receive(&p, 0); {
		case err == nil:
			again, err := decode(a.Snapshot.Encode())
			if err != nil || !reflect.DeepEqual(again, a.Snapshot) {
				t.Fatalf("%+v, and then %+v, %v", a.Snapshot, again, err)
			}
		case api.CodeOf(err) != api.CodeInvalidArgument:
			t.Fatal(err)
		}
		all.Forget(a.Move)
		if all.Bytes() != 0 || all.Expected() != 0 {
			t.Fatalf("%d bytes of %d moves are left", all.Bytes(), all.Expected())
		}
	})
}

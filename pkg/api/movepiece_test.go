// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// FuzzMovePiece decodes any bytes as a piece of a move. What is taken lies within the snapshot, and is the same when it
// is encoded and decoded again.
func FuzzMovePiece(f *testing.F) {
	for _, p := range []api.MovePieceRequest{
		{}, {Move: api.MoveID{1}, Offset: 1, Total: 2, Sum: 3, Data: []byte("x")},
		{Total: api.MoveBytesMax, Data: []byte{0}},
	} {
		f.Add(p.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := api.DecodeMovePieceRequest(b)
		if err != nil {
			if api.CodeOf(err) != api.CodeInvalidArgument {
				t.Fatal(err)
			}
			return
		}
		if p.Offset < 0 || p.Offset > p.Total || p.Total > api.MoveBytesMax {
			t.Fatalf("a piece at %d of %d bytes", p.Offset, p.Total)
		}
		again, err := api.DecodeMovePieceRequest(p.AppendTo(nil))
		same := bytes.Equal(again.Data, p.Data)
		again.Data = p.Data // which may be nil or empty
		if err != nil || !same || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v, and then %+v, %v", p, again, err)
		}
	})
}

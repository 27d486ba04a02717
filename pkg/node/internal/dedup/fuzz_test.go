// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"math"
	"reflect"
	"testing"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// FuzzEntry decodes any pair as the record of a call. What is taken has sizes that make sense, and is the same when it
// is encoded and decoded again.
func FuzzEntry(f *testing.F) {
	for _, e := range []*Entry{
		{Key: api.CallKey{Name: "k", Birth: 7}, Body: []byte("x")},
		{Key: api.CallKey{Client: "c", Counter: 3, Path: "1"}, Away: 2000},
		{Key: api.CallKey{Client: "c", Counter: 4}, omitted: 9},
		{Key: api.CallKey{Name: "k"}, err: &api.Error{Code: api.CodeApplication, Message: "no"}},
	} {
		f.Add(statekeys.DedupEntry(&e.Key), e.Encode())
	}
	// Sizes that no int holds.
	huge := api.AppendBytes(api.AppendArrayHeader([]byte{recordVersion}, recordFields+1), make([]byte, 16))
	for range 3 {
		huge = api.AppendUint(huge, 0)
	}
	huge = api.AppendUint(api.AppendUint(api.AppendBytes(huge, nil), math.MaxUint64), uint64(api.CodeOK))
	huge = api.AppendUint(api.AppendString(api.AppendString(huge, ""), ""), math.MaxUint64)
	f.Add(statekeys.DedupEntry(&api.CallKey{Name: "k"}), huge)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, err := DecodeEntry(key, value)
		if err != nil {
			if api.CodeOf(err) != api.CodeCorruptState {
				t.Fatal(err)
			}
			return
		}
		if e.Away < 0 || e.omitted < 0 || e.bytes() < 0 {
			t.Fatalf("%x is taken for a reply of %d and %d bytes", value, e.Away, e.omitted)
		}
		again, err := DecodeEntry(key, e.Encode())
		if len(e.Body) == 0 || e.Away > 0 {
			e.Body = nil // as is kept of it in a record
		}
		if again != nil && len(again.Body) == 0 {
			again.Body = nil
		}
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v, and then %+v, %v", e, again, err)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package statekeys

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

func TestAStructIsOpenedAsItWasSealed(t *testing.T) {
	for _, version := range []uint32{0, 1, 1 << 31} {
		for _, encoded := range []string{"", "x", strings.Repeat("long", 1000)} {
			sealed := SealStruct(version, []byte(encoded))
			got, body, err := OpenStruct(sealed)
			if err != nil || got != version || string(body) != encoded {
				t.Errorf("version %d, %d bytes: got version %d, %d bytes, %v", version, len(encoded), got,
					len(body), err)
			}
			for i := range min(len(sealed), 20) {
				broken := bytes.Clone(sealed)
				broken[i] ^= 0x40
				if _, _, err := OpenStruct(broken); err == nil {
					t.Errorf("version %d, %d bytes: a flipped bit of byte %d goes unnoticed", version, len(encoded), i)
				}
			}
			if _, _, err := OpenStruct(sealed[:len(sealed)-1]); err == nil {
				t.Errorf("version %d, %d bytes: a missing byte goes unnoticed", version, len(encoded))
			}
		}
	}
}

func TestWhatIsEncodedInAValue(t *testing.T) {
	encoded := api.AppendString(nil, "msgpack")
	record := append([]byte{Version}, encoded...)
	eight := []byte{0, 0, 0, 0, 0, 0, 1, 2}
	call := api.CallKey{Client: "0123456789abcdef", Counter: 7}
	for name, c := range map[string]struct {
		key, value, want []byte
	}{
		"alarm":             {Alarm("a"), record, encoded},
		"message":           {Message(3), record, encoded},
		"mark":              {Mark(api.ActorID{Namespace: "n", ID: "i"}, false), record, encoded},
		"mark from outside": {Mark(api.ActorID{Namespace: "n", ID: "i"}, true), record, encoded},
		"dedup entry":       {DedupEntry(&call), record, encoded},
		"short reply":       {ReplyChunk(&call, 0), encoded, encoded},
		"an actor's own":    {KVKey("k"), encoded, encoded},
		"struct":            {Chunk(0), SealStruct(0, encoded), encoded},
		"versioned struct":  {Chunk(0), SealStruct(9, encoded), encoded},
		"due time":          {Alarms, eight, api.AppendUint(nil, 258)},
		"low-water mark":    {Dedup, eight, api.AppendUint(nil, 258)},
		"one of two chunks": {Chunk(0), SealStruct(0, encoded)[:12], nil},
		"another version":   {Alarm("a"), append([]byte{Version + 1}, encoded...), nil},
		"an empty record":   {Alarm("a"), nil, nil},
		"a short time":      {Alarms, eight[:7], nil},
		"no key":            {nil, record, nil},
		"not a tuple":       {[]byte{0xfe, 1}, record, nil},
		"no kind":           {tuple.Pack(), record, nil},
	} {
		got, ok := Encoded(c.key, c.value)
		if ok != (c.want != nil) || ok && !bytes.Equal(got, c.want) {
			t.Errorf("%s: got %x, %v, want %x", name, got, ok, c.want)
		}
	}
}

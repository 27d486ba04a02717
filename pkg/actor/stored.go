// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/internal/codec"
)

// Stored is the state of an actor as an earlier version of its kind has stored it.
type Stored struct {
	// Version is that of the kind, 0 before it had any.
	Version uint32
	encoded []byte
}

// Decode decodes the state as a whole into the value that v points to: the struct as it was, say.
func (s Stored) Decode(v any) error { return codec.Unmarshal(s.encoded, v) }

// Field decodes one field into the value that v points to, and reports whether there is one of that name.
func (s Stored) Field(name string, v any) (bool, error) {
	var fields map[string]msgpack.RawMessage
	if err := codec.Unmarshal(s.encoded, &fields); err != nil {
		return false, err
	}
	raw, ok := fields[name]
	if !ok {
		return false, nil
	}
	return true, codec.Unmarshal(raw, v)
}

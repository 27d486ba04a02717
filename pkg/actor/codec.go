// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import "github.com/kelpiehq/kelpie/internal/codec"

// Marshal encodes v as actors' requests, replies, state and values are encoded. Equal values have equal encodings:
// maps are sorted by their encoded keys. What is nested deeper than api.DepthMax or contains itself is refused, as it
// could not be decoded.
//
// An encoder of v's own runs within it: EncodeMsgpack, or what MarshalMsgpack, MarshalBinary or MarshalText return.
// One that calls itself for ever without writing anything overflows the stack, as any function does.
func Marshal(v any) ([]byte, error) { return codec.Marshal(v) }

// Unmarshal decodes what Marshal encoded into the value that v points to. Values nested deeper than
// api.DepthMax are refused: that bounds stack use on hostile input. So are integers that the
// type they are for can't hold: they would become others.
func Unmarshal(b []byte, v any) error { return codec.Unmarshal(b, v) }

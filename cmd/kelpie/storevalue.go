// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"encoding/json"

	"github.com/kelpiehq/kelpie/pkg/registry"
)

// decodeValue returns the value of a key as JSON: as that of a record if it is one, else the bytes in hexadecimal.
func decodeValue(key, value []byte) json.RawMessage {
	if encoded, ok := registry.Encoded(key, value); ok {
		if text, err := transcodeAll(encoded); err == nil {
			return text
		}
	}
	return hexJSON(value)
}

func hexJSON(b []byte) json.RawMessage {
	text := append(make([]byte, 0, len(`"0x"`)+hex.EncodedLen(len(b))), `"0x`...)
	return append(hex.AppendEncode(text, b), '"')
}

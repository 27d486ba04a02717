// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"

	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

const (
	// recordVersion is the first byte of the values of the cluster's records.
	recordVersion = 1
	// stateHeaderBytes are before an actor's encoded state: version, length, CRC-32C.
	stateHeaderBytes = 1 + 4 + 4
)

// decodeValue returns the value of a key as JSON: as that of a record if it is one, else the bytes in hexadecimal.
func decodeValue(key, value []byte) json.RawMessage {
	t, err := tuple.Unpack(key)
	if err == nil && len(t) > 1 && t[0] == clusterPrefix {
		if text, ok := decodeRecord(t[1:], value); ok {
			return text
		}
	}
	return hexJSON(value)
}

func hexJSON(b []byte) json.RawMessage {
	text := append(make([]byte, 0, len(`"0x"`)+hex.EncodedLen(len(b))), `"0x`...)
	return append(hex.AppendEncode(text, b), '"')
}

// decodeRecord decodes the value of a key below the cluster's prefix, if it is of a form that is known.
func decodeRecord(key tuple.Tuple, value []byte) (json.RawMessage, bool) {
	switch {
	case key[0] == "membership" && len(value) == 8:
		// A counter of the store's own atomic addition.
		text, err := json.Marshal(binary.LittleEndian.Uint64(value))
		return text, err == nil
	case key[0] == "state" && len(key) > 3 && key[3] == "s":
		// The state struct is cut into chunks; the first has all of a small one.
		if len(value) < stateHeaderBytes || int(binary.BigEndian.Uint32(value[1:])) != len(value)-stateHeaderBytes {
			return nil, false
		}
		value = value[stateHeaderBytes:]
	case key[0] == "state" && len(key) > 3 && key[3] == "r":
		// The record of a call: version, and its fields by position.
		if len(value) == 0 || value[0] != recordVersion {
			return nil, false
		}
		value = value[1:]
	case key[0] == "state":
		// The actor's key-value space holds what the actor has encoded.
	case len(value) > 0 && value[0] == recordVersion:
		value = value[1:]
	default:
		return nil, false
	}
	text, err := transcodeAll(value)
	return text, err == nil
}

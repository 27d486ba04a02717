// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Marshal encodes v as actors' requests, replies, state and values are encoded.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(&b)
	enc.SetCustomStructTag("json")
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Unmarshal decodes what Marshal encoded into the value that v points to. Values nested deeper than
// api.DepthMax are refused: they come from nobody who means well, and would exhaust the stack.
func Unmarshal(b []byte, v any) error {
	d := api.NewDecoder(b)
	if d.Skip(); d.Err() != nil {
		return d.Err()
	}
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(bytes.NewReader(b))
	dec.SetCustomStructTag("json")
	return dec.Decode(v)
}

// decodeRequest takes an empty request for the zero value.
func decodeRequest(b []byte, v any) error {
	if _, none := v.(*struct{}); none || len(b) == 0 {
		return nil
	}
	if err := Unmarshal(b, v); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "the request does not fit the method: %v", err)
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Marshal encodes v as actors' requests, replies, state and values are encoded. Equal values have equal encodings:
// maps are sorted by their encoded keys. What is nested deeper than api.DepthMax or contains itself is refused, as it
// could not be decoded.
//
// An encoder of v's own runs within it: EncodeMsgpack, or what MarshalMsgpack, MarshalBinary or MarshalText return.
// One that calls itself for ever without writing anything overflows the stack, as any function does.
func Marshal(v any) ([]byte, error) {
	if err := checkDepth(v, nestingOf(reflect.TypeOf(v))); err != nil {
		return nil, err
	}
	b := new(encodingBuffer)
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(b)
	enc.SetCustomStructTag("json")
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if unordered(reflect.TypeOf(v)) {
		return canonical(b.bytes)
	}
	d := api.NewDecoder(b.bytes)
	d.Skip()
	if d.Err() != nil {
		return nil, d.Err()
	}
	return bytes.Clone(b.bytes), nil // no longer than it must be: much of it is kept for long
}

// Unmarshal decodes what Marshal encoded into the value that v points to. Values nested deeper than
// api.DepthMax are refused: that bounds stack use on hostile input. So are integers that the
// type they are for can't hold: they would become others.
func Unmarshal(b []byte, v any) (err error) {
	// msgpack's decoder panics on some values that are well-formed, and so may a decoder of v's own
	defer env.Caught(&err)
	d := api.NewDecoder(b)
	if d.Skip(); d.Err() != nil {
		return d.Err()
	}
	if t := reflect.TypeOf(v); t != nil {
		if err := nestingOf(t).err; err != nil {
			return err
		}
		d = api.NewDecoder(b)
		if err := shapeOf(t).checkIntegers(&d); err != nil {
			return err
		}
	}
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(bytes.NewReader(b))
	dec.SetCustomStructTag("json")
	return dec.Decode(v)
}

// UnmarshalRequest decodes a request of a method. It takes an empty one for the zero value, and any for one of no
// fields. Nil is no request for a type that has no nil. Errors are CodeInvalidArgument, and say what is wrong where.
func UnmarshalRequest(method string, b []byte, v any) error {
	if _, none := v.(*struct{}); none || len(b) == 0 {
		return nil
	}
	if t := reflect.TypeOf(v).Elem(); len(b) == 1 && isNil(b[0]) && !takesNil(t) {
		want, _ := wants(t)
		if t == durationType {
			want = durationExample
		}
		return api.Errorf(api.CodeInvalidArgument, "%s wants %s, got no request", method, want)
	}
	err := Unmarshal(b, v)
	if err == nil {
		return nil
	}
	d := api.NewDecoder(b)
	if d.Skip(); d.Err() == nil {
		if wrong := mismatch(method, reflect.TypeOf(v), b); wrong != "" {
			return api.Errorf(api.CodeInvalidArgument, "%s", wrong)
		}
	}
	return api.Errorf(api.CodeInvalidArgument, "the request of %s does not fit: %s", method,
		strings.TrimPrefix(err.Error(), "msgpack: "))
}

// takesNil reports whether nil is a value of a type, or may be.
func takesNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return decodesItself(t)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// nestingMax bounds the stack that msgpack from outside can make the transcoder use.
const nestingMax = 1000

var errNotMsgpack = errors.New("not msgpack")

// ToJSON returns the JSON of one msgpack value of a type, as people write it: what encoding/json makes of times, of
// binary (base64) and of types with text of their own, and durations such as 1m30s. Of any type, and where the value
// does not fit, integers stay exact, maps keep their order, binary becomes a string of hexadecimal digits after 0x, a
// timestamp RFC 3339, and what JSON has no number for (NaN, infinities) a string. nil is the type of any value.
func ToJSON(t reflect.Type, b []byte) (json.RawMessage, error) {
	text, rest, err := firstToJSON(t, b)
	if err == nil && len(rest) > 0 {
		err = errNotMsgpack
	}
	return text, err
}

// firstToJSON is ToJSON of the first value of b. It also returns what follows that.
func firstToJSON(t reflect.Type, b []byte) (text json.RawMessage, rest []byte, err error) {
	defer env.Caught(&err) // by methods of the type
	w := transcoder{in: b}
	w.value(0, t)
	return w.out, w.in, w.err
}

// transcoder reads msgpack from in and appends JSON to out until the first error.
type transcoder struct {
	in  []byte
	out []byte
	err error
}

// The formats, of https://github.com/msgpack/msgpack/blob/master/spec.md.
const (
	mpFixMap   = 0x80
	mpFixArray = 0x90
	mpFixStr   = 0xa0
	mpNil      = 0xc0
	mpFalse    = 0xc2
	mpTrue     = 0xc3
	mpBin8     = 0xc4
	mpBin32    = 0xc6
	mpExt8     = 0xc7
	mpExt32    = 0xc9
	mpFloat32  = 0xca
	mpFloat64  = 0xcb
	mpUint8    = 0xcc
	mpUint64   = 0xcf
	mpInt8     = 0xd0
	mpInt64    = 0xd3
	mpFixExt1  = 0xd4
	mpFixExt16 = 0xd8
	mpStr8     = 0xd9
	mpStr32    = 0xdb
	mpArray16  = 0xdc
	mpArray32  = 0xdd
	mpMap16    = 0xde
	mpMap32    = 0xdf
	mpFixNeg   = 0xe0

	extTimestamp = 0xff // -1
)

func (t *transcoder) value(depth int, of reflect.Type) {
	if depth > nestingMax {
		t.fail()
	}
	of = pointee(of)
	if t.err == nil && t.written(of) {
		return
	}
	f := int(t.uint(1))
	switch {
	case t.err != nil:
	case f < mpFixMap:
		t.out = strconv.AppendInt(t.out, int64(f), 10)
	case f < mpFixArray:
		t.mapping(f-mpFixMap, depth, of)
	case f < mpFixStr:
		t.array(f-mpFixArray, depth, of)
	case f < mpNil:
		t.text(t.take(uint64(f - mpFixStr)))
	case f >= mpFixNeg:
		t.out = strconv.AppendInt(t.out, int64(int8(f)), 10)
	case f >= mpBin8 && f <= mpBin32:
		t.binary(t.take(t.uint(1 << (f - mpBin8))))
	case f >= mpExt8 && f <= mpExt32:
		t.ext(t.uint(1 << (f - mpExt8)))
	case f >= mpFixExt1 && f <= mpFixExt16:
		t.ext(1 << (f - mpFixExt1))
	case f >= mpStr8 && f <= mpStr32:
		t.text(t.take(t.uint(1 << (f - mpStr8))))
	case f == mpArray16 || f == mpArray32:
		t.array(int(t.uint(2<<(f-mpArray16))), depth, of)
	case f == mpMap16 || f == mpMap32:
		t.mapping(int(t.uint(2<<(f-mpMap16))), depth, of)
	default:
		t.scalar(f)
	}
}

func (t *transcoder) scalar(f int) {
	switch {
	case f == mpNil:
		t.out = append(t.out, "null"...)
	case f == mpFalse:
		t.out = append(t.out, "false"...)
	case f == mpTrue:
		t.out = append(t.out, "true"...)
	case f == mpFloat32:
		t.float(float64(math.Float32frombits(uint32(t.uint(4)))), 32)
	case f == mpFloat64:
		t.float(math.Float64frombits(t.uint(8)), 64)
	case f >= mpUint8 && f <= mpUint64:
		t.out = strconv.AppendUint(t.out, t.uint(1<<(f-mpUint8)), 10)
	case f >= mpInt8 && f <= mpInt64:
		size := 1 << (f - mpInt8)
		shift := 64 - 8*size
		t.out = strconv.AppendInt(t.out, int64(t.uint(size)<<shift)>>shift, 10)
	default:
		t.fail()
	}
}

func (t *transcoder) array(n, depth int, of reflect.Type) {
	of = elemOf(of)
	t.out = append(t.out, '[')
	for i := 0; i < n && t.err == nil; i++ {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.value(depth+1, of)
	}
	t.out = append(t.out, ']')
}

func (t *transcoder) mapping(n, depth int, of reflect.Type) {
	key, elem := entryOf(of)
	fields := fieldsOf(of)
	t.out = append(t.out, '{')
	for i := 0; i < n && t.err == nil; i++ {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		if fields != nil {
			elem = fields[keyName(t.in)]
		}
		t.key(depth+1, key)
		t.out = append(t.out, ':')
		t.value(depth+1, elem)
	}
	t.out = append(t.out, '}')
}

// key writes a key that is not a string as the string of its JSON.
func (t *transcoder) key(depth int, of reflect.Type) {
	start := len(t.out)
	t.value(depth, of)
	if key := t.out[start:]; t.err == nil && key[0] != '"' {
		t.out = appendJSONString(t.out[:start], string(key))
	}
}

// written writes the next value if it is one that its type has a form of its own for, and reports whether it has.
func (t *transcoder) written(of reflect.Type) bool {
	if of == nil || len(t.in) == 0 || isNil(t.in[0]) {
		return false
	}
	d := api.NewDecoder(t.in)
	var text []byte
	switch f := t.in[0]; formOf(of) {
	case formDuration:
		n := d.Int()
		text = appendJSONString(nil, time.Duration(n).String())
	case formBinary:
		if !isBinary(f) && !isString(f) {
			return false
		}
		text = strconv.AppendQuote(nil, base64.StdEncoding.EncodeToString(content(&d)))
	case formText:
		if d.Skip(); d.Err() != nil {
			return false
		}
		var err error
		if text, err = textOf(of, t.in[:len(t.in)-len(d.Rest())]); err != nil {
			return false
		}
	case formShown:
		b := content(&d)
		if d.Err() != nil || !utf8.Valid(b) {
			return false
		}
		text = appendJSONString(nil, string(b))
	default:
		return false
	}
	if d.Err() != nil {
		return false
	}
	t.out, t.in = append(t.out, text...), d.Rest()
	return true
}

// content reads binary, or a string.
func content(d *api.Decoder) []byte {
	if isString(d.Rest()[0]) {
		return d.StringBytes()
	}
	return d.Bytes()
}

// textOf returns what encoding/json makes of an encoded value of a type.
func textOf(of reflect.Type, b []byte) ([]byte, error) {
	v := reflect.New(of)
	if err := Unmarshal(b, v.Interface()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v.Interface())
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func (t *transcoder) text(b []byte) {
	if t.err != nil {
		return
	}
	if !utf8.Valid(b) {
		t.binary(b)
		return
	}
	t.out = appendJSONString(t.out, string(b))
}

func (t *transcoder) binary(b []byte) {
	t.out = append(t.out, '"', '0', 'x')
	t.out = hex.AppendEncode(t.out, b)
	t.out = append(t.out, '"')
}

func (t *transcoder) float(f float64, bits int) {
	var v any = f
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		v = strconv.FormatFloat(f, 'g', -1, bits)
	case bits == 32:
		v = float32(f) // as short as it can be told from its neighbours
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.fail()
	}
	t.out = append(t.out, text...)
}

func (t *transcoder) ext(n uint64) {
	kind := t.uint(1)
	data := t.take(n)
	if at, ok := timestamp(kind, data); ok && t.err == nil {
		t.out = appendJSONString(t.out, at.UTC().Format(time.RFC3339Nano))
		return
	}
	t.binary(data)
}

// timestamp decodes msgpack's timestamp extension, in its three sizes.
func timestamp(kind uint64, data []byte) (time.Time, bool) {
	if kind != extTimestamp {
		return time.Time{}, false
	}
	switch len(data) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(data)), 0), true
	case 8:
		both := binary.BigEndian.Uint64(data)
		return time.Unix(int64(both&(1<<34-1)), int64(both>>34)), true
	case 12:
		return time.Unix(int64(binary.BigEndian.Uint64(data[4:])), int64(binary.BigEndian.Uint32(data))), true
	}
	return time.Time{}, false
}

// uint reads size bytes as a number.
func (t *transcoder) uint(size int) uint64 {
	var n uint64
	for _, c := range t.take(uint64(size)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (t *transcoder) take(n uint64) []byte {
	if t.err != nil || n > uint64(len(t.in)) {
		t.fail()
		return nil
	}
	b := t.in[:n]
	t.in = t.in[n:]
	return b
}

func (t *transcoder) fail() {
	t.err = errNotMsgpack
	t.in = nil
}

// appendJSONString appends a JSON string, with '<', '>' and '&' as they are.
func appendJSONString(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	// A string always encodes.
	_ = enc.Encode(s)
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

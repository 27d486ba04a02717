// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// nestingMax bounds the stack that msgpack from outside can make the transcoder use.
const nestingMax = 1000

var errNotMsgpack = errors.New("not msgpack")

// transcode returns the JSON of one msgpack value and what follows it. Integers stay exact, maps keep their order,
// binary becomes a string of hexadecimal digits after 0x, a timestamp RFC 3339, and what JSON has no number for
// (NaN, infinities) a string.
func transcode(b []byte) (text json.RawMessage, rest []byte, err error) {
	t := transcoder{in: b}
	t.value(0)
	return t.out, t.in, t.err
}

// transcodeAll is transcode of all of b.
func transcodeAll(b []byte) (json.RawMessage, error) {
	text, rest, err := transcode(b)
	if err == nil && len(rest) > 0 {
		err = errNotMsgpack
	}
	return text, err
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

func (t *transcoder) value(depth int) {
	if depth > nestingMax {
		t.fail()
	}
	f := int(t.uint(1))
	switch {
	case t.err != nil:
	case f < mpFixMap:
		t.out = strconv.AppendInt(t.out, int64(f), 10)
	case f < mpFixArray:
		t.mapping(f-mpFixMap, depth)
	case f < mpFixStr:
		t.array(f-mpFixArray, depth)
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
		t.array(int(t.uint(2<<(f-mpArray16))), depth)
	case f == mpMap16 || f == mpMap32:
		t.mapping(int(t.uint(2<<(f-mpMap16))), depth)
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

func (t *transcoder) array(n, depth int) {
	t.out = append(t.out, '[')
	for i := 0; i < n && t.err == nil; i++ {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.value(depth + 1)
	}
	t.out = append(t.out, ']')
}

func (t *transcoder) mapping(n, depth int) {
	t.out = append(t.out, '{')
	for i := 0; i < n && t.err == nil; i++ {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.key(depth + 1)
		t.out = append(t.out, ':')
		t.value(depth + 1)
	}
	t.out = append(t.out, '}')
}

// key writes a key that is not a string as the string of its JSON.
func (t *transcoder) key(depth int) {
	start := len(t.out)
	t.value(depth)
	if key := t.out[start:]; t.err == nil && key[0] != '"' {
		t.out = appendJSONString(t.out[:start], string(key))
	}
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

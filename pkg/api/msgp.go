// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/binary"
	"errors"
	"math"
)

// The formats of MessagePack, https://github.com/msgpack/msgpack/blob/master/spec.md.
// Those that hold their value or length in the byte itself are given by their first byte.
const (
	formatFixMap   = 0x80
	formatFixArray = 0x90
	formatFixStr   = 0xa0
	formatNil      = 0xc0
	formatUnused   = 0xc1
	formatFalse    = 0xc2
	formatTrue     = 0xc3
	formatBin8     = 0xc4
	formatBin16    = 0xc5
	formatBin32    = 0xc6
	formatExt8     = 0xc7
	formatExt16    = 0xc8
	formatExt32    = 0xc9
	formatFloat32  = 0xca
	formatFloat64  = 0xcb
	formatUint8    = 0xcc
	formatUint16   = 0xcd
	formatUint32   = 0xce
	formatUint64   = 0xcf
	formatInt8     = 0xd0
	formatInt16    = 0xd1
	formatInt32    = 0xd2
	formatInt64    = 0xd3
	formatFixExt1  = 0xd4
	formatFixExt16 = 0xd8
	formatStr8     = 0xd9
	formatStr16    = 0xda
	formatStr32    = 0xdb
	formatArray16  = 0xdc
	formatArray32  = 0xdd
	formatMap16    = 0xde
	formatMap32    = 0xdf
	formatFixNeg   = 0xe0
)

// DepthMax bounds how deep arrays and maps may be nested in what Skip passes over.
const DepthMax = 64

var (
	errMalformed = errors.New("malformed msgpack")
	errTooDeep   = errors.New("msgpack nested too deeply")
)

// AppendArrayHeader appends the header of an array of n elements, to be appended by the caller.
func AppendArrayHeader(b []byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, formatFixArray|byte(n))
	case n <= math.MaxUint16:
		return append(b, formatArray16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, formatArray32), uint32(n))
}

// AppendMapHeader appends the header of a map of n pairs, to be appended by the caller.
func AppendMapHeader(b []byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, formatFixMap|byte(n))
	case n <= math.MaxUint16:
		return append(b, formatMap16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, formatMap32), uint32(n))
}

// AppendString appends s as a string.
func AppendString(b []byte, s string) []byte {
	n := len(s)
	switch {
	case n < 32:
		b = append(b, formatFixStr|byte(n))
	case n <= math.MaxUint8:
		b = append(b, formatStr8, byte(n))
	case n <= math.MaxUint16:
		b = append(b, formatStr16, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, formatStr32), uint32(n))
	}
	return append(b, s...)
}

// AppendBytes appends p as a binary; nil is an empty one.
func AppendBytes(b, p []byte) []byte {
	n := len(p)
	switch {
	case n <= math.MaxUint8:
		b = append(b, formatBin8, byte(n))
	case n <= math.MaxUint16:
		b = append(b, formatBin16, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, formatBin32), uint32(n))
	}
	return append(b, p...)
}

// AppendUint appends u in its shortest form.
func AppendUint(b []byte, u uint64) []byte {
	switch {
	case u <= math.MaxInt8:
		return append(b, byte(u))
	case u <= math.MaxUint8:
		return append(b, formatUint8, byte(u))
	case u <= math.MaxUint16:
		return append(b, formatUint16, byte(u>>8), byte(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, formatUint32), uint32(u))
	}
	return binary.BigEndian.AppendUint64(append(b, formatUint64), u)
}

// AppendInt appends i in its shortest form: that of AppendUint if it is not negative.
func AppendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0:
		return AppendUint(b, uint64(i))
	case i >= -32:
		return append(b, byte(i))
	case i >= math.MinInt8:
		return append(b, formatInt8, byte(i))
	case i >= math.MinInt16:
		return append(b, formatInt16, byte(i>>8), byte(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, formatInt32), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, formatInt64), uint64(i))
}

// AppendBool appends v.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, formatTrue)
	}
	return append(b, formatFalse)
}

// AppendNil appends nil.
func AppendNil(b []byte) []byte { return append(b, formatNil) }

// Decoder reads values of MessagePack one after another. The first value that is malformed, cut short
// or of another type than asked for is an error that stays: from then on every method
// returns a zero value, and Err says why. It never panics and allocates nothing but strings.
type Decoder struct {
	b   []byte
	err error
}

// NewDecoder returns a decoder of b, which it does not copy.
func NewDecoder(b []byte) Decoder { return Decoder{b: b} }

// Err returns the first error, or nil.
func (d *Decoder) Err() error { return d.err }

// Rest returns the bytes not yet read, aliasing the input; nil after an error.
func (d *Decoder) Rest() []byte { return d.b }

// Array reads the header of an array and returns its number of elements. Of those,
// no more are promised than bytes are left, so it may be used as a capacity.
func (d *Decoder) Array() int {
	format := d.byte()
	n := 0
	switch {
	case format&0xf0 == formatFixArray:
		n = int(format & 0x0f)
	case format == formatArray16:
		n = int(d.uint(2))
	case format == formatArray32:
		n = int(d.uint(4))
	default:
		d.fail(errMalformed)
	}
	return d.count(n, 1)
}

// Map reads the header of a map and returns its number of pairs; see Array.
func (d *Decoder) Map() int {
	format := d.byte()
	n := 0
	switch {
	case format&0xf0 == formatFixMap:
		n = int(format & 0x0f)
	case format == formatMap16:
		n = int(d.uint(2))
	case format == formatMap32:
		n = int(d.uint(4))
	default:
		d.fail(errMalformed)
	}
	return d.count(n, 2)
}

// String reads a string.
func (d *Decoder) String() string { return string(d.StringBytes()) }

// StringBytes reads a string and returns its bytes, aliasing the input.
func (d *Decoder) StringBytes() []byte {
	format := d.byte()
	switch {
	case format&0xe0 == formatFixStr:
		return d.take(uint64(format & 0x1f))
	case format == formatStr8:
		return d.take(d.uint(1))
	case format == formatStr16:
		return d.take(d.uint(2))
	case format == formatStr32:
		return d.take(d.uint(4))
	}
	d.fail(errMalformed)
	return nil
}

// Bytes reads a binary and returns it aliasing the input, or nil for nil.
func (d *Decoder) Bytes() []byte {
	switch d.byte() {
	case formatBin8:
		return d.take(d.uint(1))
	case formatBin16:
		return d.take(d.uint(2))
	case formatBin32:
		return d.take(d.uint(4))
	case formatNil:
		return nil
	}
	d.fail(errMalformed)
	return nil
}

// TextLength passes over a string or a binary and returns its length in bytes.
func (d *Decoder) TextLength() int {
	if len(d.b) > 0 && d.b[0] >= formatBin8 && d.b[0] <= formatBin32 {
		return len(d.Bytes())
	}
	return len(d.StringBytes())
}

// Uint reads an integer that is not negative.
func (d *Decoder) Uint() uint64 {
	u, negative := d.integer()
	if negative {
		d.fail(errMalformed)
		return 0
	}
	return u
}

// Count reads an integer that is not negative and fits an int, such as a size.
func (d *Decoder) Count() int {
	u := d.Uint()
	if u > math.MaxInt {
		d.fail(errMalformed)
		return 0
	}
	return int(u)
}

// Int reads an integer that fits an int64.
func (d *Decoder) Int() int64 {
	u, negative := d.integer()
	if !negative && u > math.MaxInt64 {
		d.fail(errMalformed)
		return 0
	}
	return int64(u)
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool {
	switch d.byte() {
	case formatTrue:
		return true
	case formatFalse:
	default:
		d.fail(errMalformed)
	}
	return false
}

// Nil reads nil if it comes next, and reports whether it did.
func (d *Decoder) Nil() bool {
	if d.err == nil && len(d.b) > 0 && d.b[0] == formatNil {
		d.b = d.b[1:]
		return true
	}
	return false
}

// Skip passes over one value of any type. Nesting over DepthMax is an error.
func (d *Decoder) Skip() {
	// pending[i] is the number of values still to come in the container at depth i.
	var pending [DepthMax + 1]int
	pending[0] = 1
	depth := 0
	for d.err == nil {
		for pending[depth] == 0 {
			if depth == 0 {
				return
			}
			depth--
		}
		pending[depth]--
		if n := d.skipOne(); n > 0 {
			if depth == DepthMax {
				d.fail(errTooDeep)
				return
			}
			depth++
			pending[depth] = n
		}
	}
}

// skipOne passes over a scalar, or the header of a container, of which it returns the number of values.
func (d *Decoder) skipOne() int {
	if len(d.b) == 0 {
		d.fail(errMalformed)
		return 0
	}
	format := d.b[0]
	switch {
	case format&0xf0 == formatFixArray, format == formatArray16, format == formatArray32:
		return d.Array()
	case format&0xf0 == formatFixMap, format == formatMap16, format == formatMap32:
		return 2 * d.Map()
	case format&0xe0 == formatFixStr, format >= formatStr8 && format <= formatStr32:
		d.StringBytes()
	case format >= formatBin8 && format <= formatBin32:
		d.Bytes()
	case format == formatUnused:
		d.fail(errMalformed)
	default:
		d.take(1)
		d.take(d.fixedLength(format))
	}
	return 0
}

// fixedLength returns the number of bytes that follow the format of a scalar or extension.
func (d *Decoder) fixedLength(format byte) uint64 {
	switch format {
	case formatUint8, formatInt8:
		return 1
	case formatUint16, formatInt16:
		return 2
	case formatUint32, formatInt32, formatFloat32:
		return 4
	case formatUint64, formatInt64, formatFloat64:
		return 8
	case formatExt8: // length, then one byte of type
		return 1 + d.uint(1)
	case formatExt16:
		return 1 + d.uint(2)
	case formatExt32:
		return 1 + d.uint(4)
	}
	if format >= formatFixExt1 && format <= formatFixExt16 {
		return 1 + 1<<(format-formatFixExt1)
	}
	return 0 // nil, a boolean, or an integer of one byte
}

// integer reads an integer; a negative one as the two's complement in 64 bits.
func (d *Decoder) integer() (value uint64, negative bool) {
	format := d.byte()
	switch {
	case format < formatFixMap:
		return uint64(format), false
	case format >= formatFixNeg:
		return uint64(int64(int8(format))), true
	}
	switch format {
	case formatUint8, formatUint16, formatUint32, formatUint64:
		return d.uint(1 << (format - formatUint8)), false
	case formatInt8, formatInt16, formatInt32, formatInt64:
		size := 1 << (format - formatInt8)
		shift := 64 - 8*size
		signed := int64(d.uint(size)<<shift) >> shift
		return uint64(signed), signed < 0
	}
	d.fail(errMalformed)
	return 0, false
}

// count checks that n elements of at least size bytes each can follow.
func (d *Decoder) count(n, size int) int {
	if d.err != nil || n > len(d.b)/size {
		d.fail(errMalformed)
		return 0
	}
	return n
}

func (d *Decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(errMalformed)
		return formatUnused
	}
	format := d.b[0]
	d.b = d.b[1:]
	return format
}

// uint reads size bytes as a number.
func (d *Decoder) uint(size int) uint64 {
	p := d.take(uint64(size))
	switch len(p) {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(p))
	case 4:
		return uint64(binary.BigEndian.Uint32(p))
	case 8:
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// take reads n bytes, aliasing the input.
func (d *Decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.b)) {
		d.fail(errMalformed)
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

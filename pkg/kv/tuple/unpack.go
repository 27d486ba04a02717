// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tuple

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// Unpack returns the tuple whose key is key. An error says what is wrong and at which byte.
func Unpack(key []byte) (Tuple, error) {
	d := decoder{key: key}
	t := Tuple{}
	for d.pos < len(key) {
		elem, err := d.element(0)
		if err != nil {
			return nil, err
		}
		t = append(t, elem)
	}
	return t, nil
}

type decoder struct {
	key []byte
	pos int
}

func (d *decoder) errorf(format string, args ...any) error {
	return fmt.Errorf("tuple: byte %d: %w", d.pos, fmt.Errorf(format, args...))
}

// take returns the next n bytes, which are still the key's.
func (d *decoder) take(n int) ([]byte, error) {
	if len(d.key)-d.pos < n {
		return nil, d.errorf("%d of %d bytes missing", n-(len(d.key)-d.pos), n)
	}
	b := d.key[d.pos : d.pos+n]
	d.pos += n
	return b, nil
}

// element decodes the element at pos, of which there is at least a byte.
func (d *decoder) element(depth int) (any, error) {
	code := d.key[d.pos]
	d.pos++
	switch {
	case code == codeNil:
		return nil, nil
	case code == codeBytes:
		return d.bytes()
	case code == codeString:
		b, err := d.bytes()
		return string(b), err
	case code == codeNested:
		return d.nested(depth + 1)
	case code == codeNegativeBig || code == codePositiveBig:
		return d.big(code == codeNegativeBig)
	case code > codeNegativeBig && code < codePositiveBig:
		return d.integer(int(code) - codeZero)
	case code == codeFalse || code == codeTrue:
		return code == codeTrue, nil
	}
	return d.fixed(code)
}

// fixed decodes the elements of fixed length.
func (d *decoder) fixed(code byte) (any, error) {
	switch code {
	case codeFloat32:
		b, err := d.take(4)
		if err != nil {
			return nil, err
		}
		return math.Float32frombits(unorderFloat32(binary.BigEndian.Uint32(b))), nil
	case codeFloat64:
		b, err := d.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(unorderFloat64(binary.BigEndian.Uint64(b))), nil
	case codeUUID:
		b, err := d.take(16)
		if err != nil {
			return nil, err
		}
		return UUID(b), nil
	case codeVersionstamp:
		b, err := d.take(12)
		if err != nil {
			return nil, err
		}
		return Versionstamp{Commit: [10]byte(b[:10]), User: binary.BigEndian.Uint16(b[10:])}, nil
	}
	d.pos--
	return nil, d.errorf("unknown type code %#02x", code)
}

// bytes decodes what is ended by a zero byte that is not escaped.
func (d *decoder) bytes() ([]byte, error) {
	out := []byte{}
	for {
		zero := bytes.IndexByte(d.key[d.pos:], 0x00)
		if zero < 0 {
			return nil, d.errorf("end of bytes or string missing")
		}
		out = append(out, d.key[d.pos:d.pos+zero]...)
		d.pos += zero + 1
		if !d.escaped() {
			return out, nil
		}
		out = append(out, 0x00)
	}
}

// escaped reports whether the zero byte just taken is escaped, and takes the escape.
func (d *decoder) escaped() bool {
	if d.pos < len(d.key) && d.key[d.pos] == escape {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) nested(depth int) (Tuple, error) {
	if depth > NestingMax {
		return nil, d.errorf("nested more than %d deep", NestingMax)
	}
	t := Tuple{}
	for {
		if d.pos >= len(d.key) {
			return nil, d.errorf("end of nested tuple missing")
		}
		elem, err := d.element(depth)
		if err != nil {
			return nil, err
		}
		if elem == nil && !d.escaped() {
			return t, nil
		}
		t = append(t, elem)
	}
}

// integer decodes an integer of n bytes, -8 to 8, negative if n is.
func (d *decoder) integer(n int) (any, error) {
	negative := n < 0
	if negative {
		n = -n
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	var magnitude uint64
	for _, c := range b {
		if negative {
			c = ^c
		}
		magnitude = magnitude<<8 | uint64(c)
	}
	switch {
	case byteLen(magnitude) != n:
		return nil, d.errorf("integer before it not in its shortest form")
	case negative && magnitude > 1<<63:
		v := new(big.Int).SetUint64(magnitude)
		return v.Neg(v), nil
	case negative:
		return int64(-magnitude), nil
	case magnitude > math.MaxInt64:
		return magnitude, nil
	}
	return int64(magnitude), nil
}

// big decodes an integer of more than eight bytes, preceded by their number.
func (d *decoder) big(negative bool) (*big.Int, error) {
	length, err := d.take(1)
	if err != nil {
		return nil, err
	}
	n := length[0]
	if negative {
		n = ^n
	}
	taken, err := d.take(int(n))
	if err != nil {
		return nil, err
	}
	b := bytes.Clone(taken)
	if negative {
		for i := range b {
			b[i] = ^b[i]
		}
	}
	if n <= 8 || b[0] == 0 {
		return nil, d.errorf("integer before it not in its shortest form")
	}
	v := new(big.Int).SetBytes(b)
	if negative {
		v.Neg(v)
	}
	return v, nil
}

func unorderFloat32(b uint32) uint32 {
	if b&(1<<31) != 0 {
		return b &^ (1 << 31)
	}
	return ^b
}

func unorderFloat64(b uint64) uint64 {
	if b&(1<<63) != 0 {
		return b &^ (1 << 63)
	}
	return ^b
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tuple

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"reflect"
	"strings"
)

// Pack returns the key of a tuple of elems.
func Pack(elems ...any) []byte {
	return Append(make([]byte, 0, 64), elems...)
}

// Append appends the key of a tuple of elems to dst. Keys of tuples can be
// joined: the key of (a, b) is the key of (a) followed by the key of (b).
func Append(dst []byte, elems ...any) []byte {
	for _, elem := range elems {
		dst = appendElement(dst, elem, 0)
	}
	return dst
}

func appendElement(dst []byte, elem any, depth int) []byte {
	switch v := elem.(type) {
	case nil:
		return append(dst, codeNil)
	case []byte:
		return appendBytes(append(dst, codeBytes), v)
	case string:
		return appendString(append(dst, codeString), v)
	case int:
		return appendInt(dst, int64(v))
	case int64:
		return appendInt(dst, v)
	case uint64:
		return appendPositive(dst, v)
	case *big.Int:
		return appendBig(dst, v)
	case float32:
		return binary.BigEndian.AppendUint32(append(dst, codeFloat32), orderFloat32(math.Float32bits(v)))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, codeFloat64), orderFloat64(math.Float64bits(v)))
	case bool:
		if v {
			return append(dst, codeTrue)
		}
		return append(dst, codeFalse)
	case UUID:
		return append(append(dst, codeUUID), v[:]...)
	case Versionstamp:
		dst = append(append(dst, codeVersionstamp), v.Commit[:]...)
		return binary.BigEndian.AppendUint16(dst, v.User)
	case Tuple:
		return appendNested(dst, v, depth+1)
	}
	// Not fmt: it would make every element of every call escape to the heap.
	panic("tuple: type " + reflect.TypeOf(elem).String() + " can't be an element")
}

func appendNested(dst []byte, t Tuple, depth int) []byte {
	if depth > NestingMax {
		panic("tuple: nested too deeply")
	}
	dst = append(dst, codeNested)
	for _, elem := range t {
		dst = appendElement(dst, elem, depth)
		if elem == nil {
			dst = append(dst, escape)
		}
	}
	return append(dst, 0x00)
}

func appendBytes(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, c)
		if c == 0x00 {
			dst = append(dst, escape)
		}
	}
	return append(dst, 0x00)
}

func appendString(dst []byte, s string) []byte {
	for {
		zero := strings.IndexByte(s, 0x00)
		if zero < 0 {
			break
		}
		dst = append(dst, s[:zero+1]...)
		dst = append(dst, escape)
		s = s[zero+1:]
	}
	dst = append(dst, s...)
	return append(dst, 0x00)
}

func appendInt(dst []byte, v int64) []byte {
	if v >= 0 {
		return appendPositive(dst, uint64(v))
	}
	return appendNegative(dst, -uint64(v))
}

func appendPositive(dst []byte, magnitude uint64) []byte {
	n := byteLen(magnitude)
	return appendMagnitude(append(dst, byte(codeZero+n)), magnitude, n)
}

// appendNegative encodes -magnitude in the ones' complement of n bytes, which
// orders larger magnitudes first.
func appendNegative(dst []byte, magnitude uint64) []byte {
	n := byteLen(magnitude)
	return appendMagnitude(append(dst, byte(codeZero-n)), ^magnitude, n)
}

func appendMagnitude(dst []byte, v uint64, n int) []byte {
	for shift := (n - 1) * 8; shift >= 0; shift -= 8 {
		dst = append(dst, byte(v>>shift))
	}
	return dst
}

func appendBig(dst []byte, v *big.Int) []byte {
	n := (v.BitLen() + 7) / 8
	if n <= 8 {
		var magnitude uint64
		for i, word := range v.Bits() {
			magnitude |= uint64(word) << (i * bits.UintSize)
		}
		if v.Sign() < 0 {
			return appendNegative(dst, magnitude)
		}
		return appendPositive(dst, magnitude)
	}
	if n > math.MaxUint8 {
		panic("tuple: integer of more than 255 bytes")
	}
	negative := v.Sign() < 0
	if negative {
		dst = append(dst, codeNegativeBig, ^byte(n))
	} else {
		dst = append(dst, codePositiveBig, byte(n))
	}
	for _, c := range v.Bytes() {
		if negative {
			c = ^c
		}
		dst = append(dst, c)
	}
	return dst
}

func byteLen(v uint64) int { return (bits.Len64(v) + 7) / 8 }

// orderFloat32 turns the bits of a number into bytes in the order of the numbers: the
// sign is flipped, and if it is negative all the rest as well.
func orderFloat32(b uint32) uint32 {
	if b&(1<<31) != 0 {
		return ^b
	}
	return b | 1<<31
}

func orderFloat64(b uint64) uint64 {
	if b&(1<<63) != 0 {
		return ^b
	}
	return b | 1<<63
}

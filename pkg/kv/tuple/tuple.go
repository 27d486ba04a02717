// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tuple

// NestingMax is how deep tuples may be nested in tuples. It bounds the stack
// that bytes from outside can make Unpack use.
const NestingMax = 100

// Tuple is an ordered list of elements; see the package comment for their types.
type Tuple []any

// UUID is sixteen bytes, ordered as bytes.
type UUID [16]byte

// Versionstamp is a place in the store's order of commits: the ten bytes of
// kv.Tx.Versionstamp, and a number of the user's own that orders what one transaction writes.
type Versionstamp struct {
	Commit [10]byte
	User   uint16
}

// Type codes of the encoding. An integer's code is codeZero plus or minus the
// number of bytes of its magnitude; beyond eight, a code of its own and a length.
const (
	codeNil          = 0x00
	codeBytes        = 0x01
	codeString       = 0x02
	codeNested       = 0x05
	codeNegativeBig  = 0x0b
	codeZero         = 0x14
	codePositiveBig  = 0x1d
	codeFloat32      = 0x20
	codeFloat64      = 0x21
	codeFalse        = 0x26
	codeTrue         = 0x27
	codeUUID         = 0x30
	codeVersionstamp = 0x33

	// escape follows a zero byte that does not end what it stands in.
	escape = 0xff
)

// Range returns the half-open range of all keys that are longer tuples beginning with
// the elements of prefix. It does not contain the key of prefix itself.
func Range(prefix ...any) (begin, end []byte) {
	key := Pack(prefix...)
	begin = append(key[:len(key):len(key)], 0x00)
	end = append(key[:len(key):len(key)], 0xff)
	return begin, end
}

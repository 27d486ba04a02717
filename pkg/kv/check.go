// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// What every store refuses in the same way is decided here.

const (
	// StampBytes is the length of a versionstamp: 8 bytes of version, 2 of order in it.
	StampBytes = 10
	// StampOffsetBytes is the length of the little-endian offset that ends the key or value of a versionstamped
	// operation, and is no part of what is written.
	StampOffsetBytes = 4
)

// keySpaceEnd is the first key outside of the key space.
const keySpaceEnd = "\xff"

// CheckKey returns ErrOutOfRange for a key outside of the key space.
func CheckKey(key []byte) error {
	if string(key) >= keySpaceEnd {
		return ErrOutOfRange
	}
	return nil
}

// CheckEnd returns ErrOutOfRange for an end of a range, or a base of a selector, beyond the key space. Its end itself
// is allowed.
func CheckEnd(end []byte) error {
	if string(end) > keySpaceEnd {
		return ErrOutOfRange
	}
	return nil
}

// CheckOrder returns ErrInvalidRange for a range with its end before its beginning.
func CheckOrder(begin, end []byte) error {
	if bytes.Compare(begin, end) > 0 {
		return ErrInvalidRange
	}
	return nil
}

// StampOffset returns where in the key or value of a versionstamped operation the stamp goes, and whether it fits.
func StampOffset(template []byte) (offset int, ok bool) {
	rest := len(template) - StampOffsetBytes
	if rest < StampBytes {
		return 0, false
	}
	at := binary.LittleEndian.Uint32(template[rest:])
	return int(at), uint64(at)+StampBytes <= uint64(rest)
}

// CheckStamp returns ErrInvalidOperation for the key or value of a versionstamped operation that has no room for the
// stamp at the offset that ends it.
func CheckStamp(template []byte) error {
	if _, ok := StampOffset(template); !ok {
		return ErrInvalidOperation.With(
			fmt.Errorf("%d bytes leave no room for a versionstamp at the offset given", len(template)))
	}
	return nil
}

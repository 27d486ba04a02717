// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// What is wrong with a call is found here, before the client sees it: the binding's writes return no errors, and
// the client's belated ones do not say whether anything was sent.

// checkKey checks a key to be read or cleared.
func checkKey(key []byte) error {
	if string(key) >= keySpaceEnd {
		return kv.ErrOutOfRange
	}
	return nil
}

// checkPair checks what is to be written.
func (s keySpace) checkPair(key, value []byte) error {
	switch {
	case string(key) >= keySpaceEnd:
		return kv.ErrOutOfRange
	case s.tooLong(key):
		return kv.ErrKeyTooLarge
	case len(value) > kv.ValueBytesMax:
		return kv.ErrValueTooLarge
	}
	return nil
}

// tooLong reports whether the cluster can't hold a key as long.
func (s keySpace) tooLong(key []byte) bool { return len(s.prefix)+len(key) > kv.KeyBytesMax }

func checkInverted(begin, end []byte) error {
	if bytes.Compare(begin, end) > 0 {
		return kv.ErrInvalidRange
	}
	return nil
}

// checkEnd checks the end of a range, which lies not before its beginning.
func checkEnd(end []byte) error {
	if string(end) > keySpaceEnd {
		return kv.ErrOutOfRange
	}
	return nil
}

// checkStamped checks that the template of a versionstamped operation has room for the stamp at
// the offset that ends it.
func checkStamped(template []byte) error {
	rest := len(template) - offsetBytes
	if rest >= stampBytes && uint64(binary.LittleEndian.Uint32(template[rest:]))+stampBytes <= uint64(rest) {
		return nil
	}
	return kv.ErrInvalidOperation.With(fmt.Errorf("%d bytes leave no room for a versionstamp at the offset given", len(template)))
}

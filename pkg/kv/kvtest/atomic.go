// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// applyAtomic returns the value of a key after an atomic operation, nil being
// none: FoundationDB's definitions (https://apple.github.io/foundationdb/api-c.html#c.FDBMutationType), written for
// clarity and independently of the stores.
func applyAtomic(op kv.AtomicOp, old, param []byte) []byte {
	if op == kv.AtomicCompareAndClear {
		if old == nil || bytes.Equal(old, param) {
			return nil
		}
		return old
	}
	if old == nil {
		return notNil(param)
	}
	switch op {
	case kv.AtomicAppendIfFits:
		if len(old)+len(param) > kv.ValueBytesMax {
			return old
		}
		return append(append([]byte{}, old...), param...)
	case kv.AtomicByteMin:
		return notNil(slices.MinFunc([][]byte{old, param}, bytes.Compare))
	case kv.AtomicByteMax:
		return notNil(slices.MaxFunc([][]byte{old, param}, bytes.Compare))
	}
	// The others work on numbers, little-endian, of the parameter's length.
	fitted := make([]byte, len(param))
	copy(fitted, old)
	switch op {
	case kv.AtomicAdd:
		return add(fitted, param)
	case kv.AtomicMin:
		return slices.MinFunc([][]byte{fitted, param}, compareNumbers)
	case kv.AtomicMax:
		return slices.MaxFunc([][]byte{fitted, param}, compareNumbers)
	}
	for i, p := range param {
		switch op {
		case kv.AtomicAnd:
			fitted[i] &= p
		case kv.AtomicOr:
			fitted[i] |= p
		case kv.AtomicXor:
			fitted[i] ^= p
		default:
			panic(fmt.Sprintf("kvtest: atomic operation %d", op))
		}
	}
	return fitted
}

func add(a, b []byte) []byte {
	carry := 0
	for i := range a {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
	return a
}

// compareNumbers compares little-endian numbers of one length.
func compareNumbers(a, b []byte) int {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// EvalAtomic returns the value of a key after op with param, old being the value
// before; nil is no value. The result may be old or param itself. The
// definitions are FoundationDB's (fdbclient/Atomic.h, API version 730). It
// panics for versionstamped operations, which don't depend on a value, and for what is no operation.
func EvalAtomic(op kv.AtomicOp, old, param []byte) []byte {
	if op == kv.AtomicCompareAndClear {
		if old != nil && !bytes.Equal(old, param) {
			return old
		}
		return nil
	}
	if param == nil {
		param = []byte{}
	}
	if old == nil {
		return param
	}
	switch op {
	case kv.AtomicAppendIfFits:
		return appendIfFits(old, param)
	case kv.AtomicByteMin:
		if bytes.Compare(old, param) < 0 {
			return old
		}
		return param
	case kv.AtomicByteMax:
		if bytes.Compare(old, param) > 0 {
			return old
		}
		return param
	}
	return evalNumber(op, old, param)
}

func appendIfFits(old, param []byte) []byte {
	if len(old)+len(param) > kv.ValueBytesMax {
		return old
	}
	return append(old[:len(old):len(old)], param...)
}

// evalNumber does the operations on little-endian numbers: old is cut, or
// extended by zeros, to the length of param.
func evalNumber(op kv.AtomicOp, old, param []byte) []byte {
	n := make([]byte, len(param))
	copy(n, old)
	switch op {
	case kv.AtomicAdd:
		addNumber(n, param)
	case kv.AtomicAnd:
		for i := range n {
			n[i] &= param[i]
		}
	case kv.AtomicOr:
		for i := range n {
			n[i] |= param[i]
		}
	case kv.AtomicXor:
		for i := range n {
			n[i] ^= param[i]
		}
	case kv.AtomicMax:
		if compareNumbers(n, param) < 0 {
			return param
		}
	case kv.AtomicMin:
		if compareNumbers(n, param) > 0 {
			return param
		}
	default:
		panic(fmt.Sprintf("ryw: evaluation of atomic operation %d", op))
	}
	return n
}

// addNumber adds b to a of the same length.
func addNumber(a, b []byte) {
	carry := 0
	for i := range a {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
}

// compareNumbers compares little-endian numbers of the same length.
func compareNumbers(a, b []byte) int {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

// Stamp is a versionstamp: the commit version and the transaction's place in it, big-endian.
type Stamp [kv.StampBytes]byte

// Stamp returns the versionstamp of the transaction.
func (c Committed) Stamp() Stamp {
	var s Stamp
	binary.BigEndian.PutUint64(s[:8], uint64(c.Version))
	binary.BigEndian.PutUint16(s[8:], c.Order)
	return s
}

// Fill returns the key or value of a versionstamped operation: template without
// its last four bytes, which are the little-endian offset at which it holds the stamp.
func (s Stamp) Fill(template []byte) []byte {
	offset, ok := kv.StampOffset(template)
	if !ok {
		panic("ryw: a versionstamp beyond its template")
	}
	filled := bytes.Clone(template[:len(template)-kv.StampOffsetBytes])
	copy(filled[offset:], s[:])
	return filled
}

// isAtomic reports whether op is an atomic operation.
func isAtomic(op kv.AtomicOp) bool {
	switch op {
	case kv.AtomicAdd, kv.AtomicAnd, kv.AtomicOr, kv.AtomicXor, kv.AtomicAppendIfFits, kv.AtomicMax, kv.AtomicMin,
		kv.AtomicSetVersionstampedKey, kv.AtomicSetVersionstampedValue, kv.AtomicByteMin, kv.AtomicByteMax,
		kv.AtomicCompareAndClear:
		return true
	}
	return false
}

// isStamped reports whether op writes a versionstamp, so that its result is not
// known before the commit.
func isStamped(op kv.AtomicOp) bool {
	return op == kv.AtomicSetVersionstampedKey || op == kv.AtomicSetVersionstampedValue
}

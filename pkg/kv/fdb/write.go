// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"fmt"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// atomicOps are the binding's atomic operations.
var atomicOps = map[kv.AtomicOp]func(t fdb.Transaction, key fdb.KeyConvertible, param []byte){
	kv.AtomicAdd:                    fdb.Transaction.Add,
	kv.AtomicAnd:                    fdb.Transaction.BitAnd,
	kv.AtomicOr:                     fdb.Transaction.BitOr,
	kv.AtomicXor:                    fdb.Transaction.BitXor,
	kv.AtomicAppendIfFits:           fdb.Transaction.AppendIfFits,
	kv.AtomicMax:                    fdb.Transaction.Max,
	kv.AtomicMin:                    fdb.Transaction.Min,
	kv.AtomicSetVersionstampedKey:   fdb.Transaction.SetVersionstampedKey,
	kv.AtomicSetVersionstampedValue: fdb.Transaction.SetVersionstampedValue,
	kv.AtomicByteMin:                fdb.Transaction.ByteMin,
	kv.AtomicByteMax:                fdb.Transaction.ByteMax,
	kv.AtomicCompareAndClear:        fdb.Transaction.CompareAndClear,
}

// checked returns err, a finding about a write, and poisons the transaction with it, unless there is an earlier error.
func (t *tx) checked(err error) error {
	if ended := t.usable(); ended != nil {
		return ended
	}
	t.poison = err
	return err
}

// Set implements kv.Tx.
func (t *tx) Set(key, value []byte) {
	if t.checked(t.space().checkPair(key, value)) != nil {
		return
	}
	t.fdb.Set(fdb.Key(t.space().pack(key)), value)
}

// Clear implements kv.Tx.
func (t *tx) Clear(key []byte) {
	if t.checked(kv.CheckKey(key)) != nil || t.space().tooLong(key) {
		return // there is no key as long
	}
	t.fdb.Clear(fdb.Key(t.space().pack(key)))
}

// ClearRange implements kv.Tx.
func (t *tx) ClearRange(begin, end []byte) {
	err := kv.CheckOrder(begin, end)
	if err == nil {
		err = kv.CheckEnd(end)
	}
	if t.checked(err) != nil {
		return
	}
	t.fdb.ClearRange(t.keyRange(begin, end))
}

// Atomic implements kv.Tx.
func (t *tx) Atomic(op kv.AtomicOp, key, param []byte) {
	if t.checked(t.checkAtomic(op, key, param)) != nil {
		return
	}
	packed := t.space().pack
	if op == kv.AtomicSetVersionstampedKey {
		packed = t.space().packStamped
	}
	t.stamped = t.stamped || op == kv.AtomicSetVersionstampedKey || op == kv.AtomicSetVersionstampedValue
	atomicOps[op](t.fdb, fdb.Key(packed(key)), param)
}

func (t *tx) checkAtomic(op kv.AtomicOp, key, param []byte) error {
	if err := t.space().checkPair(key, param); err != nil {
		return err
	}
	switch {
	case atomicOps[op] == nil:
		return kv.ErrInvalidOperation.With(fmt.Errorf("atomic operation %d", op))
	case op == kv.AtomicSetVersionstampedKey:
		return kv.CheckStamp(key)
	case op == kv.AtomicSetVersionstampedValue:
		return kv.CheckStamp(param)
	}
	return nil
}

// AddReadConflictRange implements kv.Tx.
func (t *tx) AddReadConflictRange(begin, end []byte) error {
	if err := t.checkConflict(begin, end); err != nil {
		return err
	}
	return t.checked(readError(t.fdb.AddReadConflictRange(t.keyRange(begin, end))))
}

// AddWriteConflictRange implements kv.Tx.
func (t *tx) AddWriteConflictRange(begin, end []byte) error {
	if err := t.checkConflict(begin, end); err != nil {
		return err
	}
	return t.checked(readError(t.fdb.AddWriteConflictRange(t.keyRange(begin, end))))
}

func (t *tx) checkConflict(begin, end []byte) error {
	if err := kv.CheckOrder(begin, end); err != nil {
		return err
	}
	return t.checked(kv.CheckEnd(end))
}

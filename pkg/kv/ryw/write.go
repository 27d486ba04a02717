// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"bytes"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// writable returns nil, or why writes are not buffered any more. As on FoundationDB, a cancelled transaction
// still takes writes, and a bad one poisons it.
func (t *tx) writable() error {
	if t.poison != nil {
		return t.poison
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == stateUsed {
		return kv.ErrUsed
	}
	return nil
}

// checked returns err, a finding about a write, and poisons the transaction
// with it, unless there is an earlier error.
func (t *tx) checked(err error) error {
	if earlier := t.writable(); earlier != nil {
		return earlier
	}
	t.poison = err
	return err
}

// Set implements kv.Tx.
func (t *tx) Set(key, value []byte) {
	if t.checked(checkPair(key, value)) != nil {
		return
	}
	r, v := single(key), owned(value)
	t.writes.set(r, v)
	t.triggerWatches(r, v)
}

// Clear implements kv.Tx.
func (t *tx) Clear(key []byte) {
	if t.checked(kv.CheckKey(key)) != nil || len(key) > kv.KeyBytesMax {
		return // there is no key as long
	}
	t.clear(single(key))
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
	if r := cut(begin, end); r.begin < r.end {
		t.clear(r)
	}
}

func (t *tx) clear(r keyRange) {
	t.writes.clear(r)
	t.triggerWatches(r, nil)
}

// Atomic implements kv.Tx.
func (t *tx) Atomic(op kv.AtomicOp, key, param []byte) {
	if t.checked(checkAtomic(op, key, param)) != nil {
		return
	}
	p := owned(param)
	if op == kv.AtomicSetVersionstampedKey {
		possible := t.stampedKeys(key)
		t.writes.stampedKey(possible, bytes.Clone(key), p)
		t.triggerUnknown(possible)
		return
	}
	r := single(key)
	t.writes.atomic(op, r, p)
	t.triggerUnknown(r)
}

// stampedKeys returns the range of the keys that template may become, all at
// versions from the read version on.
func (t *tx) stampedKeys(template []byte) keyRange {
	lowest := Committed{Version: t.readVersion}.Stamp()
	highest := Stamp(bytes.Repeat([]byte{0xff}, len(Stamp{})))
	begin := string(lowest.Fill(template))
	end := after(string(highest.Fill(template)))
	return keyRange{begin, min(end, keySpaceEnd)}
}

// AddReadConflictRange implements kv.Tx.
func (t *tx) AddReadConflictRange(begin, end []byte) error {
	r, err := t.conflictRange(begin, end)
	if err == nil {
		t.writes.addRead(&t.readConflicts, r.begin, r.end)
	}
	return err
}

// AddWriteConflictRange implements kv.Tx.
func (t *tx) AddWriteConflictRange(begin, end []byte) error {
	r, err := t.conflictRange(begin, end)
	if err == nil && r.begin < r.end {
		t.writes.conflicts.add(r.begin, r.end)
	}
	return err
}

func (t *tx) conflictRange(begin, end []byte) (keyRange, error) {
	if err := kv.CheckOrder(begin, end); err != nil {
		return keyRange{}, err
	}
	if err := t.checked(kv.CheckEnd(end)); err != nil {
		return keyRange{}, err
	}
	return cut(begin, end), nil
}

// cut returns the range, with ends that are longer than keys can be cut to
// where they divide the keys in the same way.
func cut(begin, end []byte) keyRange {
	return keyRange{
		begin: string(begin[:min(len(begin), kv.KeyBytesMax+1)]),
		end:   string(end[:min(len(end), kv.KeyBytesMax+1)]),
	}
}

func checkPair(key, value []byte) error {
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	if len(key) > kv.KeyBytesMax {
		return kv.ErrKeyTooLarge
	}
	if len(value) > kv.ValueBytesMax {
		return kv.ErrValueTooLarge
	}
	return nil
}

func checkAtomic(op kv.AtomicOp, key, param []byte) error {
	if err := checkPair(key, param); err != nil {
		return err
	}
	if !isAtomic(op) {
		return kv.ErrInvalidOperation.With(fmt.Errorf("atomic operation %d", op))
	}
	template := param
	switch op {
	case kv.AtomicSetVersionstampedKey:
		template = key
	case kv.AtomicSetVersionstampedValue:
	default:
		return nil
	}
	return kv.CheckStamp(template)
}

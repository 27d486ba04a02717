// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// keySpaceEnd is the first key outside of the key space.
var keySpaceEnd = []byte{0xff}

// The backend relies on what kv.Tx has checked. A message may come from a program that has not.

// checkCommit returns why a commit is none that a kv.Tx would send: nil if it is one.
func checkCommit(c *ryw.Commit) error {
	if c.Priority > kv.PriorityHigh {
		return fmt.Errorf("unknown priority %d", c.Priority)
	}
	if c.ReadVersion < 0 || c.ReadVersion == 0 && len(c.ReadConflicts) > 0 {
		return errors.New("read conflicts without a read version")
	}
	for _, ranges := range [][]ryw.KeyRange{c.ReadConflicts, c.WriteConflicts} {
		for _, r := range ranges {
			if err := checkRange(r.Begin, r.End); err != nil {
				return err
			}
		}
	}
	for _, m := range c.Mutations {
		if err := checkMutation(m); err != nil {
			return err
		}
	}
	return nil
}

func checkRange(begin, end []byte) error {
	if bytes.Compare(begin, end) > 0 {
		return kv.ErrInvalidRange
	}
	if bytes.Compare(end, keySpaceEnd) > 0 {
		return kv.ErrOutOfRange
	}
	return nil
}

func checkMutation(m ryw.Mutation) error {
	if m.Kind == ryw.MutationClearRange {
		return checkRange(m.Key, m.Value)
	}
	if m.Kind != ryw.MutationSet && m.Kind != ryw.MutationAtomic {
		return fmt.Errorf("unknown mutation %d", m.Kind)
	}
	if bytes.Compare(m.Key, keySpaceEnd) >= 0 {
		return kv.ErrOutOfRange
	}
	keyBytesMax, valueBytesMax := kv.KeyBytesMax, kv.ValueBytesMax
	if m.Kind == ryw.MutationAtomic {
		switch m.Op {
		case kv.AtomicAdd, kv.AtomicAnd, kv.AtomicOr, kv.AtomicXor, kv.AtomicAppendIfFits, kv.AtomicMax, kv.AtomicMin,
			kv.AtomicByteMin, kv.AtomicByteMax, kv.AtomicCompareAndClear:
		case kv.AtomicSetVersionstampedKey:
			keyBytesMax += stampOffsetBytes
			if err := checkStamp(m.Key); err != nil {
				return err
			}
		case kv.AtomicSetVersionstampedValue:
			valueBytesMax += stampOffsetBytes
			if err := checkStamp(m.Value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown atomic operation %d", m.Op)
		}
	}
	if len(m.Key) > keyBytesMax {
		return kv.ErrKeyTooLarge
	}
	if len(m.Value) > valueBytesMax {
		return kv.ErrValueTooLarge
	}
	return nil
}

// Sizes in a parameter that a versionstamp is put into.
const (
	stampBytes       = 10
	stampOffsetBytes = 4
)

// checkStamp checks that a stamp fits at the offset with which param ends.
func checkStamp(param []byte) error {
	room := len(param) - stampOffsetBytes
	if room < stampBytes || uint64(binary.LittleEndian.Uint32(param[room:])) > uint64(room-stampBytes) {
		return errors.New("versionstamp outside of the parameter")
	}
	return nil
}

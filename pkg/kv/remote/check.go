// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

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
	if err := kv.CheckOrder(begin, end); err != nil {
		return err
	}
	return kv.CheckEnd(end)
}

func checkMutation(m ryw.Mutation) error {
	if m.Kind == ryw.MutationClearRange {
		return checkRange(m.Key, m.Value)
	}
	if m.Kind != ryw.MutationSet && m.Kind != ryw.MutationAtomic {
		return fmt.Errorf("unknown mutation %d", m.Kind)
	}
	if err := kv.CheckKey(m.Key); err != nil {
		return err
	}
	keyBytesMax, valueBytesMax := kv.KeyBytesMax, kv.ValueBytesMax
	if m.Kind == ryw.MutationAtomic {
		switch m.Op {
		case kv.AtomicAdd, kv.AtomicAnd, kv.AtomicOr, kv.AtomicXor, kv.AtomicAppendIfFits, kv.AtomicMax, kv.AtomicMin,
			kv.AtomicByteMin, kv.AtomicByteMax, kv.AtomicCompareAndClear:
		case kv.AtomicSetVersionstampedKey:
			keyBytesMax += kv.StampOffsetBytes
			if err := kv.CheckStamp(m.Key); err != nil {
				return err
			}
		case kv.AtomicSetVersionstampedValue:
			valueBytesMax += kv.StampOffsetBytes
			if err := kv.CheckStamp(m.Value); err != nil {
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

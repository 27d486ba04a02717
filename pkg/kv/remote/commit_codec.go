// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"math"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// A commit is [priority, read version, read conflicts, write conflicts, mutations]. Ranges
// are flat, [begin, end, begin, end ...], as are mutations: [what, key, value, what, key, value ...], what being
// atomicBase and the operation for an atomic one, else the kind.
const atomicBase = 16

// reservedBit is in the number of the priority if the commit is a reserved one. Servers of former versions refuse it,
// so it is sent when a server has said that its disk is almost full, which those do not say.
const reservedBit = 16

// preallocateMax bounds the memory that is set aside for what a message only announces.
const preallocateMax = 256

func encodeCommit(c *ryw.Commit) []byte {
	b := make([]byte, 0, commitSize(c))
	b = api.AppendArrayHeader(b, 5)
	priority := uint64(c.Priority)
	if c.Reserved {
		priority |= reservedBit
	}
	b = api.AppendUint(b, priority)
	b = api.AppendInt(b, int64(c.ReadVersion))
	b = appendRanges(b, c.ReadConflicts)
	b = appendRanges(b, c.WriteConflicts)
	b = api.AppendArrayHeader(b, 3*len(c.Mutations))
	for _, m := range c.Mutations {
		what := uint64(m.Kind)
		if m.Kind == ryw.MutationAtomic {
			what = atomicBase + uint64(m.Op)
		}
		b = api.AppendUint(b, what)
		b = api.AppendBytes(b, m.Key)
		b = api.AppendBytes(b, m.Value)
	}
	return b
}

func commitSize(c *ryw.Commit) int {
	size := headBytes + rangesSize(c.ReadConflicts) + rangesSize(c.WriteConflicts)
	for _, m := range c.Mutations {
		size += 1 + 2*binBytes + len(m.Key) + len(m.Value)
	}
	return size
}

func rangesSize(ranges []ryw.KeyRange) int {
	size := 0
	for _, r := range ranges {
		size += 2*binBytes + len(r.Begin) + len(r.End)
	}
	return size
}

func appendRanges(b []byte, ranges []ryw.KeyRange) []byte {
	b = api.AppendArrayHeader(b, 2*len(ranges))
	for _, r := range ranges {
		b = api.AppendBytes(b, r.Begin)
		b = api.AppendBytes(b, r.End)
	}
	return b
}

func decodeCommit(b []byte) (*ryw.Commit, error) {
	d := api.NewDecoder(b)
	if err := array(&d, 5); err != nil {
		return nil, err
	}
	priority := d.Uint()
	c := &ryw.Commit{Priority: kv.Priority(min(priority&^reservedBit, math.MaxUint8)),
		Reserved: priority&reservedBit != 0, ReadVersion: kv.Version(d.Int())}
	var err error
	if c.ReadConflicts, err = decodeRanges(&d); err != nil {
		return nil, err
	}
	if c.WriteConflicts, err = decodeRanges(&d); err != nil {
		return nil, err
	}
	if c.Mutations, err = decodeMutations(&d); err != nil {
		return nil, err
	}
	return c, end(&d)
}

func decodeRanges(d *api.Decoder) ([]ryw.KeyRange, error) {
	n := d.Array() / 2
	if n > rangesMax {
		return nil, errTooMany
	}
	ranges := make([]ryw.KeyRange, 0, min(n, preallocateMax))
	for range n {
		ranges = append(ranges, ryw.KeyRange{Begin: d.Bytes(), End: d.Bytes()})
		if d.Err() != nil {
			return nil, d.Err()
		}
	}
	return ranges, nil
}

func decodeMutations(d *api.Decoder) ([]ryw.Mutation, error) {
	n := d.Array() / 3
	if n > mutationsMax {
		return nil, errTooMany
	}
	mutations := make([]ryw.Mutation, 0, min(n, preallocateMax))
	for range n {
		what := d.Uint()
		m := ryw.Mutation{Kind: ryw.MutationKind(min(what, atomicBase-1))}
		if what >= atomicBase {
			m.Kind, m.Op = ryw.MutationAtomic, kv.AtomicOp(what-atomicBase)
		}
		m.Key, m.Value = d.Bytes(), d.Bytes()
		if d.Err() != nil {
			return nil, d.Err()
		}
		mutations = append(mutations, m)
	}
	return mutations, nil
}

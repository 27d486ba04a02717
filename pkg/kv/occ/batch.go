// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// batch is what the committed transactions of one version do, with atomic operations turned into sets and clears.
type batch struct {
	base      Snapshot // the state before
	version   kv.Version
	order     uint16
	mutations []ryw.Mutation
	// written has, for single keys, where in mutations they were last written; clears where range clears are.
	written map[string]int
	clears  []int
}

func newBatch(base Snapshot, version kv.Version) *batch {
	return &batch{base: base, version: version, written: make(map[string]int)}
}

// add appends a transaction's mutations and returns its place.
func (b *batch) add(mutations []ryw.Mutation) (ryw.Committed, error) {
	c := ryw.Committed{Version: b.version, Order: b.order}
	for _, m := range mutations {
		if m.Kind == ryw.MutationAtomic {
			var err error
			if m, err = b.evaluate(m, c); err != nil {
				return c, err
			}
		}
		b.push(m)
	}
	b.order++
	return c, nil
}

func (b *batch) push(m ryw.Mutation) {
	if m.Kind == ryw.MutationSet {
		b.written[string(m.Key)] = len(b.mutations)
	} else {
		b.clears = append(b.clears, len(b.mutations))
	}
	b.mutations = append(b.mutations, m)
}

// evaluate turns an atomic operation into what it comes to.
func (b *batch) evaluate(m ryw.Mutation, c ryw.Committed) (ryw.Mutation, error) {
	switch m.Op {
	case kv.AtomicSetVersionstampedKey:
		return ryw.Mutation{Kind: ryw.MutationSet, Key: c.Stamp().Fill(m.Key), Value: m.Value}, nil
	case kv.AtomicSetVersionstampedValue:
		return ryw.Mutation{Kind: ryw.MutationSet, Key: m.Key, Value: c.Stamp().Fill(m.Value)}, nil
	}
	old, err := b.get(m.Key)
	if err != nil {
		return m, err
	}
	value := ryw.EvalAtomic(m.Op, old, m.Value)
	if value == nil {
		return ryw.Mutation{Kind: ryw.MutationClearRange, Key: m.Key, Value: kv.KeyAfter(m.Key)}, nil
	}
	return ryw.Mutation{Kind: ryw.MutationSet, Key: m.Key, Value: value}, nil
}

// get returns the value of key as the batch leaves it so far.
func (b *batch) get(key []byte) ([]byte, error) {
	set, ok := b.written[string(key)]
	for i := len(b.clears) - 1; i >= 0 && (!ok || b.clears[i] > set); i-- {
		if m := b.mutations[b.clears[i]]; string(m.Key) <= string(key) && string(key) < string(m.Value) {
			return nil, nil
		}
	}
	if ok {
		return b.mutations[set].Value, nil
	}
	return b.base.Get(key)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// batch is transactions that commit together, in order, under one version.
type batch struct {
	version  kv.Version
	requests []*request
	bytes    int
	// refused conflict with what the batch writes, which they can see once it is durable.
	refused []*request
}

// fits reports whether r may join. One that is too large for any batch gets its own.
func (b *batch) fits(r *request, opt Options) bool {
	return len(b.requests) == 0 || len(b.requests) < opt.BatchTransactions && b.bytes+r.bytes <= opt.BatchBytes
}

// add gives r its place. Its keys that hold the versionstamp are then known,
// and among what it writes.
func (b *batch) add(r *request) {
	r.order = uint16(len(b.requests))
	b.requests = append(b.requests, r)
	b.bytes += r.bytes
	stamp := b.committed(r).Stamp()
	for i, m := range r.mutations {
		if m.Kind != ryw.MutationAtomic {
			continue
		}
		switch m.Op {
		case kv.AtomicSetVersionstampedKey:
			m = ryw.Mutation{Kind: ryw.MutationSet, Key: stamp.Fill(m.Key), Value: m.Value}
			r.writes = append(r.writes, keyRange{string(m.Key), string(m.Key) + "\x00"})
		case kv.AtomicSetVersionstampedValue:
			m = ryw.Mutation{Kind: ryw.MutationSet, Key: m.Key, Value: stamp.Fill(m.Value)}
		}
		r.mutations[i] = m
	}
}

func (b *batch) committed(r *request) ryw.Committed {
	return ryw.Committed{Version: b.version, Order: r.order}
}

// mutations returns what the batch does to the state before it, without atomic operations.
func (b *batch) mutations(before Snapshot) ([]ryw.Mutation, error) {
	n := 0
	for _, r := range b.requests {
		n += len(r.mutations)
	}
	all := make([]ryw.Mutation, 0, n)
	for _, r := range b.requests {
		all = append(all, r.mutations...)
	}
	ev := newEvaluator(before, all)
	if ev == nil {
		return all, nil
	}
	for i := range all {
		if err := ev.evaluate(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// evaluator turns atomic operations into sets and clears: it follows the values of their keys.
type evaluator struct {
	before Snapshot
	keys   []string // in order
	values []followed
}

// followed is the value of a key as the mutations so far leave it.
type followed struct {
	known bool
	value []byte // nil is none
}

// newEvaluator returns nil if there is nothing to do.
func newEvaluator(before Snapshot, mutations []ryw.Mutation) *evaluator {
	var keys []string
	for _, m := range mutations {
		if m.Kind == ryw.MutationAtomic {
			keys = append(keys, string(m.Key))
		}
	}
	if keys == nil {
		return nil
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return &evaluator{before: before, keys: keys, values: make([]followed, len(keys))}
}

func (ev *evaluator) evaluate(m *ryw.Mutation) error {
	i, follows := slices.BinarySearch(ev.keys, string(m.Key))
	switch m.Kind {
	case ryw.MutationSet:
		if follows {
			ev.values[i] = followed{known: true, value: m.Value}
		}
		return nil
	case ryw.MutationClearRange:
		for ; i < len(ev.keys) && ev.keys[i] < string(m.Value); i++ {
			ev.values[i] = followed{known: true}
		}
		return nil
	}
	v := &ev.values[i]
	if !v.known {
		old, err := ev.before.Get(m.Key)
		if err != nil {
			return err
		}
		*v = followed{known: true, value: old}
	}
	v.value = ryw.EvalAtomic(m.Op, v.value, m.Value)
	if v.value != nil {
		*m = ryw.Mutation{Kind: ryw.MutationSet, Key: m.Key, Value: v.value}
	} else {
		*m = ryw.Mutation{Kind: ryw.MutationClearRange, Key: m.Key, Value: kv.KeyAfter(m.Key)}
	}
	return nil
}

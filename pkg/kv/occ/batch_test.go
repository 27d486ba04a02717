// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// TestBatchEvaluates compares what a batch does, without atomic operations, with its mutations one by one.
func TestBatchEvaluates(t *testing.T) {
	ops := []kv.AtomicOp{kv.AtomicAdd, kv.AtomicAppendIfFits, kv.AtomicCompareAndClear, kv.AtomicByteMax,
		kv.AtomicSetVersionstampedKey, kv.AtomicSetVersionstampedValue}
	for seed := range uint64(2000) {
		rnd := env.NewRand(seed, 1)
		key := func() []byte { return fmt.Appendf(nil, "k%d", rnd.IntN(5)) }
		value := func() []byte { return []byte("abc")[:rnd.IntN(4)] }
		engine, want := NewMemory(), make(map[string][]byte)
		apply(t, engine, 1, nil)
		for range rnd.IntN(4) {
			m := ryw.Mutation{Key: key(), Value: value()}
			apply(t, engine, engine.Version()+1, []ryw.Mutation{m})
			want[string(m.Key)] = m.Value
		}
		b := &batch{version: 77}
		for range 1 + rnd.IntN(4) {
			r := &request{}
			for range rnd.IntN(5) {
				m := ryw.Mutation{Key: key(), Value: value()}
				switch n := rnd.IntN(4); n {
				case 0:
				case 1:
					m.Kind, m.Value = ryw.MutationClearRange, kv.KeyAfter(key())
				default:
					m.Kind, m.Op = ryw.MutationAtomic, ops[rnd.IntN(len(ops))]
					m = stampable(m)
				}
				r.mutations = append(r.mutations, m)
				naiveApply(want, m, ryw.Committed{Version: 77, Order: uint16(len(b.requests))}.Stamp())
			}
			b.add(r)
		}
		mutations, err := b.mutations(engine.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		apply(t, engine, 77, mutations)
		got := make(map[string][]byte)
		if err := engine.Snapshot().Range(nil, []byte{0xff}, false, func(key, value []byte) bool {
			got[string(key)] = bytes.Clone(value)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("seed %d: the store holds %q, want %q", seed, got, want)
		}
	}
}

// stampable gives an operation with a versionstamp room for it.
func stampable(m ryw.Mutation) ryw.Mutation {
	room := append(make([]byte, len(ryw.Stamp{})), 0, 0, 0, 0)
	switch m.Op {
	case kv.AtomicSetVersionstampedKey:
		m.Key = room
	case kv.AtomicSetVersionstampedValue:
		m.Value = room
	}
	return m
}

func naiveApply(pairs map[string][]byte, m ryw.Mutation, stamp ryw.Stamp) {
	key, value := string(m.Key), m.Value
	switch {
	case m.Kind == ryw.MutationClearRange:
		maps.DeleteFunc(pairs, func(k string, _ []byte) bool { return key <= k && k < string(value) })
		return
	case m.Op == kv.AtomicSetVersionstampedKey:
		key = string(stamp.Fill(m.Key))
	case m.Op == kv.AtomicSetVersionstampedValue:
		value = stamp.Fill(value)
	case m.Kind == ryw.MutationAtomic:
		value = ryw.EvalAtomic(m.Op, pairs[key], value)
	}
	if pairs[key] = value; value == nil {
		delete(pairs, key)
	}
}

func apply(t *testing.T, e Engine, v kv.Version, mutations []ryw.Mutation) {
	t.Helper()
	if err := e.Apply(v, mutations); err != nil {
		t.Fatal(err)
	}
}

// TestRequestCopies shows that a request shares nothing with the commit that it was made of.
func TestRequestCopies(t *testing.T) {
	commit := func() *ryw.Commit {
		return &ryw.Commit{
			ReadConflicts: []ryw.KeyRange{{Begin: []byte("a"), End: []byte("b")},
				{Begin: []byte("c"), End: []byte("c")}},
			WriteConflicts: []ryw.KeyRange{{Begin: []byte("d"), End: []byte("d\x00")}},
			Mutations: []ryw.Mutation{{Key: []byte("d"), Value: []byte("v")},
				{Key: []byte("e"), Value: []byte("w")}},
		}
	}
	c := commit()
	r := newRequest(env.Real(), c, commitBytes(c))
	for _, b := range [][]byte{c.ReadConflicts[0].Begin, c.WriteConflicts[0].Begin, c.Mutations[0].Key,
		c.Mutations[1].Value} {
		b[0] = 'x'
	}
	if got := fmt.Sprint(r.reads, r.writes); got != "[{a b}] [{d d\x00}]" {
		t.Errorf("ranges are %q", got)
	}
	if !slices.EqualFunc(r.mutations, commit().Mutations, func(a, b ryw.Mutation) bool {
		return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
	}) {
		t.Errorf("mutations are %q", r.mutations)
	}
	_ = append(r.mutations[0].Key, 'x')
	if string(r.mutations[0].Value) != "v" {
		t.Error("appending to a key changes the value")
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"bytes"
	"sync"

	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// NewMemory returns an empty engine in memory: a copy-on-write tree, of which snapshots are copies.
func NewMemory() Engine { return &memory{tree: newTree()} }

type memory struct {
	mu      sync.RWMutex
	tree    *tree
	version kv.Version
}

type (
	pair struct {
		key   string
		value []byte // never modified
	}
	tree = btree.BTreeG[pair]
)

func newTree() *tree {
	return btree.NewBTreeGOptions(func(a, b pair) bool { return a.key < b.key }, btree.Options{NoLocks: true})
}

// Snapshot implements Engine.
func (m *memory) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (*memorySnapshot)(m.tree.Copy())
}

// Version implements Engine.
func (m *memory) Version() kv.Version {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.version
}

// Apply implements Engine. It never fails.
func (m *memory) Apply(v kv.Version, batch []ryw.Mutation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mut := range batch {
		if mut.Kind == ryw.MutationSet {
			m.tree.Set(pair{string(mut.Key), bytes.Clone(mut.Value)})
			continue
		}
		for _, key := range keysIn(m.tree, string(mut.Key), string(mut.Value)) {
			m.tree.Delete(pair{key: key})
		}
	}
	m.version = v
	return nil
}

func keysIn(t *tree, begin, end string) []string {
	var keys []string
	t.Ascend(pair{key: begin}, func(p pair) bool {
		if p.key >= end {
			return false
		}
		keys = append(keys, p.key)
		return true
	})
	return keys
}

// Close implements Engine.
func (m *memory) Close() error { return nil }

type memorySnapshot tree

// Get implements Snapshot.
func (s *memorySnapshot) Get(key []byte) ([]byte, error) {
	p, ok := (*tree)(s).Get(pair{key: string(key)})
	if !ok {
		return nil, nil
	}
	return append([]byte{}, p.value...), nil
}

// Range implements Snapshot.
func (s *memorySnapshot) Range(begin, end []byte, reverse bool, f func(key, value []byte) bool) error {
	from, to := string(begin), string(end)
	if reverse {
		(*tree)(s).Descend(pair{key: to}, func(p pair) bool {
			if p.key >= to {
				return true
			}
			return p.key >= from && f([]byte(p.key), p.value)
		})
		return nil
	}
	(*tree)(s).Ascend(pair{key: from}, func(p pair) bool {
		return p.key < to && f([]byte(p.key), p.value)
	})
	return nil
}

// Close implements Snapshot.
func (s *memorySnapshot) Close() error { return nil }

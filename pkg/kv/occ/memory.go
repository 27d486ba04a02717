// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// memoryDegree makes nodes of 7 to 15 pairs: each batch copies those on the way to what it writes, for there is
// a snapshot before it.
const memoryDegree = 8

// NewMemory returns an empty engine in memory: a copy-on-write tree, of which snapshots are
// copies. Close keeps the contents: a store opened on the engine again finds them, as on a disk.
func NewMemory() Engine { return &memory{pairs: btree.NewMap[string, []byte](memoryDegree)} }

type memory struct {
	mu      sync.Mutex
	pairs   *btree.Map[string, []byte] // values are never modified
	version kv.Version
}

// Snapshot implements Engine.
func (m *memory) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return memorySnapshot{m.pairs.Copy()}
}

// Version implements Engine.
func (m *memory) Version() kv.Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version
}

// Apply implements Engine. It never fails.
func (m *memory) Apply(v kv.Version, batch []ryw.Mutation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v <= m.version {
		panic(fmt.Sprintf("occ: batch of version %d after version %d", v, m.version))
	}
	for _, mutation := range batch {
		switch mutation.Kind {
		case ryw.MutationSet:
			m.pairs.Set(string(mutation.Key), bytes.Clone(mutation.Value))
		case ryw.MutationClearRange:
			m.clear(keyRange{string(mutation.Key), string(mutation.Value)})
		default:
			panic(fmt.Sprintf("occ: mutation of kind %d in a batch", mutation.Kind))
		}
	}
	m.version = v
	return nil
}

func (m *memory) clear(r keyRange) {
	if r.single() {
		m.pairs.Delete(r.begin)
		return
	}
	var keys []string
	m.pairs.Ascend(r.begin, func(key string, _ []byte) bool {
		if key < r.end {
			keys = append(keys, key)
		}
		return key < r.end
	})
	for _, key := range keys {
		m.pairs.Delete(key)
	}
}

// Close implements Engine.
func (m *memory) Close() error { return nil }

// memorySnapshot is a copy that nobody changes.
type memorySnapshot struct{ pairs *btree.Map[string, []byte] }

// Get implements Snapshot.
func (s memorySnapshot) Get(key []byte) ([]byte, error) {
	value, ok := s.pairs.Get(string(key))
	if !ok {
		return nil, nil
	}
	return append([]byte{}, value...), nil
}

// Range implements Snapshot.
func (s memorySnapshot) Range(begin, end []byte, reverse bool, f func(key, value []byte) bool) error {
	first, last := string(begin), string(end)
	if reverse {
		s.pairs.Descend(last, func(key string, value []byte) bool {
			return key >= last || key >= first && f([]byte(key), value)
		})
		return nil
	}
	s.pairs.Ascend(first, func(key string, value []byte) bool {
		return key < last && f([]byte(key), value)
	})
	return nil
}

// Close implements Snapshot.
func (s memorySnapshot) Close() error { return nil }

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// stateBytesMax is the size of the largest encoded state struct.
	stateBytesMax = 1 << 20
	// chunkBytes is how much of it goes into one value of the store, which holds 100,000 bytes.
	chunkBytes = 90_000
	// stateFormat is the first byte of a stored state. versionedFormat is that of one whose kind has a version.
	stateFormat     = 1
	versionedFormat = 2
	// stateHeaderBytes is before the state in its first chunk: format, length, CRC-32C. In the versioned format the
	// version of the kind follows, which the sum covers.
	stateHeaderBytes  = 1 + 4 + 4
	stateVersionBytes = 4
)

// structPart begins the keys of the chunks of an actor's state struct; spacePart those
// of its key-value space.
var (
	structPart = tuple.Pack("s")
	spacePart  = tuple.Pack("k")
)

func chunkKey(i int) []byte      { return tuple.Pack("s", i) }
func spaceKey(key string) []byte { return tuple.Pack("k", key) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// owner is the activation that a state is of. Constructor, encoder and decoder of the state are the author's, and run
// under its guard.
type owner interface {
	// guard runs code of the author. what names it, for errors and the log.
	guard(what string, f func() error) error
	// self returns the actor.
	self() api.ActorID
}

// memory is an actor's state struct as its activation caches it, whole.
type memory struct {
	of   owner
	spec *actor.Spec
	// value is what handlers work on, a pointer from spec.NewState.
	value any
	// kept is value, encoded, as the last successful call left it; committed is what the store has.
	kept, committed []byte
	// chunks is how many chunks the store has.
	chunks int
	// rewrite is whether they must all be written with the next change, as they are of an earlier version of the kind.
	rewrite bool
	// lost says that value is not what was kept, and can't be made so: the activation must end.
	lost bool
}

// loadMemory decodes the stored chunks. Errors are CodeCorruptState, or a hookError of the state's constructor.
func loadMemory(of owner, spec *actor.Spec, chunks []registry.Entry) (*memory, error) {
	m := &memory{of: of, spec: spec, chunks: len(chunks)}
	if len(chunks) == 0 {
		return m, m.clear()
	}
	var stored []byte
	for i, c := range chunks {
		if !bytes.Equal(c.Key, chunkKey(i)) {
			return nil, api.Errorf(api.CodeCorruptState, "actor %s: chunk %d of its state is missing", of.self(), i)
		}
		stored = append(stored, c.Value...)
	}
	version, encoded, err := openState(stored)
	if err != nil {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: its state %v", of.self(), err)
	}
	if err := m.construct(); err != nil {
		return nil, err
	}
	err = m.of.guard("loading its state", func() error {
		asIs, err := spec.Load(actor.NewStored(version, encoded), m.value)
		if err == nil && !asIs {
			encoded, err = actor.Marshal(m.value)
			m.rewrite = true
		}
		return err
	})
	if err != nil {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: its state does not fit the program: %s", of.self(),
			reason(err))
	}
	m.kept, m.committed = encoded, encoded
	return m, nil
}

// construct makes a zero state.
func (m *memory) construct() error {
	err := m.of.guard("the constructor of its state", func() error {
		m.value = m.spec.NewState()
		return nil
	})
	if err != nil {
		return &hookError{"NewState", err}
	}
	return nil
}

// openState takes a stored state apart.
func openState(stored []byte) (version uint32, encoded []byte, err error) {
	if len(stored) < stateHeaderBytes || stored[0] != stateFormat && stored[0] != versionedFormat {
		return 0, nil, errors.New("is in a format that this version can't read")
	}
	body := stored[stateHeaderBytes:]
	if int(binary.BigEndian.Uint32(stored[1:])) != len(body) || binary.BigEndian.Uint32(stored[5:]) != crc32.Checksum(
		body, castagnoli) {
		return 0, nil, errors.New("fails its checksum")
	}
	if stored[0] == stateFormat {
		return 0, body, nil
	}
	if len(body) < stateVersionBytes {
		return 0, nil, errors.New("has no version")
	}
	return binary.BigEndian.Uint32(body), body[stateVersionBytes:], nil
}

// clear makes the state as new. Nothing is stored for a state that never changed.
func (m *memory) clear() error {
	if err := m.construct(); err != nil {
		return err
	}
	err := m.of.guard("encoding its new state", func() (err error) {
		m.kept, err = actor.Marshal(m.value)
		return err
	})
	if err != nil {
		return &hookError{"its new state does not encode", err}
	}
	m.committed = m.kept
	return nil
}

// rollback undoes what the handler that just ran did to the value. After an error the value is lost.
func (m *memory) rollback() error {
	err := m.construct()
	if err == nil {
		err = m.of.guard("decoding its state", func() error { return actor.Unmarshal(m.kept, m.value) })
	}
	if err != nil {
		m.lost = true
		return api.Errorf(api.CodeCorruptState, "actor %s: its state can't be restored: %s", m.of.self(), reason(err))
	}
	return nil
}

// encode returns the value encoded, as what has just run has left it. It is for guarded code.
func (m *memory) encode(what string) ([]byte, error) {
	encoded, err := actor.Marshal(m.value)
	if err != nil {
		return nil, api.Errorf(api.CodeInternal, "actor %s: %s left a state that does not encode: %s", m.of.self(),
			what, reason(plainError(err)))
	}
	if len(encoded) > stateBytesMax {
		return nil, api.Errorf(api.CodeTooLarge, "actor %s: its state would be %d bytes, at most %d fit", m.of.self(),
			len(encoded), stateBytesMax)
	}
	return encoded, nil
}

// keep makes an encoded state part of the batch; nil is that of a handler that has changed nothing.
func (m *memory) keep(state []byte) {
	if state != nil {
		m.kept = state
	}
}

// writes returns what must be stored for the state as kept: only the chunks that differ.
func (m *memory) writes() []registry.Write {
	if bytes.Equal(m.kept, m.committed) {
		return nil
	}
	now, before := m.split(m.kept), m.split(m.committed)
	var out []registry.Write
	for i, c := range now {
		if m.rewrite || i >= m.chunks || i >= len(before) || !bytes.Equal(c, before[i]) {
			out = append(out, registry.Write{Key: chunkKey(i), Value: c})
		}
	}
	if len(now) < m.chunks {
		out = append(out, registry.Write{Key: chunkKey(len(now)), End: chunkKey(m.chunks)})
	}
	return out
}

// stored notes that the writes have been committed.
func (m *memory) stored() {
	if !bytes.Equal(m.kept, m.committed) {
		m.chunks = len(m.split(m.kept))
		m.committed, m.rewrite = m.kept, false
	}
}

// revert undoes the whole batch.
func (m *memory) revert() error {
	m.kept = m.committed
	return m.rollback()
}

// bytes is about what the state takes in memory: the value takes about as much as its encoding.
func (m *memory) bytes() int { return 2*len(m.kept) + len(m.committed) }

// split cuts an encoded state, with its header, into chunks.
func (m *memory) split(encoded []byte) [][]byte {
	all := make([]byte, stateHeaderBytes, stateHeaderBytes+stateVersionBytes+len(encoded))
	all[0] = stateFormat
	if m.spec.Version > 0 {
		all[0] = versionedFormat
		all = binary.BigEndian.AppendUint32(all, m.spec.Version)
	}
	all = append(all, encoded...)
	body := all[stateHeaderBytes:]
	binary.BigEndian.PutUint32(all[1:], uint32(len(body)))
	binary.BigEndian.PutUint32(all[5:], crc32.Checksum(body, castagnoli))
	var out [][]byte
	for len(all) > chunkBytes {
		out = append(out, all[:chunkBytes])
		all = all[chunkBytes:]
	}
	return append(out, all)
}

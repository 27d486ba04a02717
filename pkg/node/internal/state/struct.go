// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"fmt"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// stateBytesMax is the size of the largest encoded state struct.
	stateBytesMax = 1 << 20
)

// owner is the activation that a state is of. Constructor, encoder and decoder of the state are the author's, and run
// under its guard.
type owner interface {
	// Guard runs code of the author. what names it, for errors and the log.
	Guard(what string, f func() error) error
	// Kind returns what the actor's author has declared.
	Kind() *kind.Spec
	// Self returns the actor.
	Self() api.ActorID
}

// Struct is an actor's state struct as its activation caches it, whole.
type Struct struct {
	of owner
	// Value is what handlers work on, a pointer from the kind's NewState.
	Value any
	// next is value, encoded, as the handler that has run last left it; nil if that has changed nothing.
	next []byte
	// Kept is value, encoded, as the last successful call left it; committed is what the store has.
	Kept, committed []byte
	// Chunks is how many chunks the store has.
	Chunks int32
	// Rewrite is whether they must all be written with the next change, as they are of an earlier version of the kind.
	Rewrite bool
	// Lost says that value is not what was kept, and can't be made so: the activation must end.
	Lost bool
}

// LoadMemory decodes the stored chunks. Errors are CodeCorruptState, a *LaterError, or a HookError of the
// state's constructor.
func LoadStruct(of owner, chunks []registry.Entry) (*Struct, error) {
	m := &Struct{of: of, Chunks: int32(len(chunks))}
	if len(chunks) == 0 {
		return m, m.Clear()
	}
	var stored []byte
	for i, c := range chunks {
		if !bytes.Equal(c.Key, statekeys.Chunk(i)) {
			return nil, api.Errorf(api.CodeCorruptState, "actor %s: chunk %d of its state is missing", of.Self(), i)
		}
		stored = append(stored, c.Value...)
	}
	version, encoded, err := statekeys.OpenStruct(stored)
	if err != nil {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: its state %v", of.Self(), err)
	}
	if version > of.Kind().Version {
		return nil, &LaterError{version}
	}
	if err := m.construct(); err != nil {
		return nil, err
	}
	err = m.of.Guard("loading its state", func() error {
		asIs, err := of.Kind().Load(kind.Stored{Version: version, Encoded: encoded}, m.Value)
		if err == nil && !asIs {
			encoded, err = codec.Marshal(m.Value)
			m.Rewrite = true
		}
		return err
	})
	if err != nil {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: its state does not fit the program: %s", of.Self(),
			call.Reason(err))
	}
	m.Kept, m.committed = encoded, encoded
	return m, nil
}

// LaterError is the error of a state that is of a later version than the program's.
type LaterError struct{ Version uint32 }

func (e *LaterError) Error() string { return fmt.Sprintf("its state has version %d", e.Version) }

// construct makes a zero state.
func (m *Struct) construct() error {
	err := m.of.Guard("the constructor of its state", func() error {
		m.Value = m.of.Kind().NewState()
		return nil
	})
	if err != nil {
		return call.NewHookError("NewState", err)
	}
	return nil
}

// Clear makes the state as new. Nothing is stored for a state that never changed.
func (m *Struct) Clear() error {
	if err := m.construct(); err != nil {
		return err
	}
	err := m.of.Guard("encoding its new state", func() (err error) {
		m.Kept, err = codec.Marshal(m.Value)
		return err
	})
	if err != nil {
		return call.NewHookError("its new state does not encode", err)
	}
	m.committed = m.Kept
	return nil
}

// Rollback undoes what the handler that just ran did to the value. After an error the value is lost.
func (m *Struct) Rollback() error {
	m.next = nil
	err := m.construct()
	if err == nil {
		err = m.of.Guard("decoding its state", func() error { return codec.Unmarshal(m.Kept, m.Value) })
	}
	if err != nil {
		m.Lost = true
		return api.Errorf(api.CodeCorruptState, "actor %s: its state can't be restored: %s", m.of.Self(),
			call.Reason(err))
	}
	return nil
}

// Encode takes the value as what has just run has left it, for Keep. It is for guarded code.
func (m *Struct) Encode(what string) error {
	encoded, err := codec.Marshal(m.Value)
	if err != nil {
		return api.Errorf(api.CodeInternal, "actor %s: %s left a state that does not encode: %s", m.of.Self(),
			what, call.Reason(call.PlainError(err)))
	}
	if len(encoded) > stateBytesMax {
		return api.Errorf(api.CodeTooLarge, "actor %s: its state would be %d bytes, at most %d fit", m.of.Self(),
			len(encoded), stateBytesMax)
	}
	m.next = encoded
	return nil
}

// Keep makes the encoded value part of the batch.
func (m *Struct) Keep() {
	if m.next != nil {
		m.Kept, m.next = m.next, nil
	}
}

// Writes returns what must be stored for the state as kept: only the chunks that differ.
func (m *Struct) Writes() []registry.Write {
	if bytes.Equal(m.Kept, m.committed) {
		return nil
	}
	now, before := m.split(m.Kept), m.split(m.committed)
	var out []registry.Write
	for i, c := range now {
		if m.Rewrite || i >= int(m.Chunks) || i >= len(before) || !bytes.Equal(c, before[i]) {
			out = append(out, registry.Write{Key: statekeys.Chunk(i), Value: c})
		}
	}
	if len(now) < int(m.Chunks) {
		out = append(out, registry.Write{Key: statekeys.Chunk(len(now)), End: statekeys.Chunk(int(m.Chunks))})
	}
	return out
}

// Stored notes that the writes have been committed.
func (m *Struct) Stored() {
	if !bytes.Equal(m.Kept, m.committed) {
		m.Chunks = int32(len(m.split(m.Kept)))
		m.committed, m.Rewrite = m.Kept, false
	}
}

// Revert undoes the whole batch.
func (m *Struct) Revert() error {
	m.Kept = m.committed
	return m.Rollback()
}

// Bytes is about what the state takes in memory: the value takes about as much as its encoding.
func (m *Struct) Bytes() int { return 2*len(m.Kept) + len(m.committed) }

// split cuts an encoded state, with its header, into chunks.
func (m *Struct) split(encoded []byte) [][]byte {
	all := statekeys.SealStruct(m.of.Kind().Version, encoded)
	var out [][]byte
	for len(all) > statekeys.ChunkBytes {
		out = append(out, all[:statekeys.ChunkBytes])
		all = all[statekeys.ChunkBytes:]
	}
	return append(out, all)
}

// Entries are the chunks of the state as the store has them.
func (m *Struct) Entries() []registry.Entry {
	if m.Chunks == 0 {
		return nil
	}
	var out []registry.Entry
	for i, c := range m.split(m.committed) {
		out = append(out, registry.Entry{Key: statekeys.Chunk(i), Value: c})
	}
	return out
}

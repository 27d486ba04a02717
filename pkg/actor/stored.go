// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// Stored is the state of an actor as an earlier version of its kind has stored it.
type Stored struct {
	// Version is that of the kind, 0 before it had any.
	Version uint32
	encoded []byte
}

// NewStored is for the node that loads a state. encoded stays the caller's.
func NewStored(version uint32, encoded []byte) Stored { return Stored{version, encoded} }

// Decode decodes the state as a whole into the value that v points to: the struct as it was, say.
func (s Stored) Decode(v any) error { return Unmarshal(s.encoded, v) }

// Field decodes one field into the value that v points to, and reports whether there is one of that name.
func (s Stored) Field(name string, v any) (bool, error) {
	var fields map[string]msgpack.RawMessage
	if err := Unmarshal(s.encoded, &fields); err != nil {
		return false, err
	}
	raw, ok := fields[name]
	if !ok {
		return false, nil
	}
	return true, Unmarshal(raw, v)
}

// Load decodes a stored state into one made by NewState, and reports whether it is as the kind would encode it: if
// not, chunks of what is stored must not be kept. Errors say why the program can't read the state. It runs code of
// the author's, which may panic.
func (s *Spec) Load(old Stored, state any) (asIs bool, err error) {
	switch {
	case old.Version > s.Version:
		return false, fmt.Errorf("it was stored by version %d of the kind, and this program knows versions up to %d",
			old.Version, s.Version)
	case old.Version < s.Version:
		return false, s.upgrade(old, state)
	case len(s.renames) == 0:
		return true, Unmarshal(old.encoded, state)
	}
	renamed, err := s.rename(old.encoded)
	if err != nil {
		return false, err
	}
	return false, Unmarshal(renamed, state)
}

// upgrade runs the kind's hook.
func (s *Spec) upgrade(old Stored, state any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("upgrade from version %d to %d: %w", old.Version, s.Version, err)
		}
	}()
	if len(s.renames) > 0 {
		if old.encoded, err = s.rename(old.encoded); err != nil {
			return err
		}
	}
	return s.Upgrade(old, state)
}

// rename gives the fields of a stored struct their present names. One that is there under both has been written since.
func (s *Spec) rename(encoded []byte) ([]byte, error) {
	var fields map[string]msgpack.RawMessage
	if err := Unmarshal(encoded, &fields); err != nil {
		return nil, err
	}
	for _, r := range s.renames {
		value, ok := fields[r.from]
		if !ok {
			continue
		}
		delete(fields, r.from)
		if _, newer := fields[r.to]; !newer {
			fields[r.to] = value
		}
	}
	return Marshal(fields)
}

// rename is a field that has another name than it had.
type rename struct {
	from, to string
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/internal/codec"
)

// Stored is the state of an actor as some version of its kind has stored it.
type Stored struct {
	// Version is that of the kind, 0 before it had any.
	Version uint32
	Encoded []byte
}

// Rename is a field that has another name than it had.
type Rename struct{ From, To string }

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
	case len(s.Renames) == 0:
		return true, codec.Unmarshal(old.Encoded, state)
	}
	renamed, err := s.rename(old.Encoded)
	if err != nil {
		return false, err
	}
	return false, codec.Unmarshal(renamed, state)
}

// upgrade runs the kind's hook.
func (s *Spec) upgrade(old Stored, state any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("upgrade from version %d to %d: %w", old.Version, s.Version, err)
		}
	}()
	if len(s.Renames) > 0 {
		if old.Encoded, err = s.rename(old.Encoded); err != nil {
			return err
		}
	}
	return s.Upgrade(old, state)
}

// rename gives the fields of a stored struct their present names. One that is there under both has been written since.
func (s *Spec) rename(encoded []byte) ([]byte, error) {
	var fields map[string]msgpack.RawMessage
	if err := codec.Unmarshal(encoded, &fields); err != nil {
		return nil, err
	}
	for _, r := range s.Renames {
		value, ok := fields[r.From]
		if !ok {
			continue
		}
		delete(fields, r.From)
		if _, newer := fields[r.To]; !newer {
			fields[r.To] = value
		}
	}
	return codec.Marshal(fields)
}

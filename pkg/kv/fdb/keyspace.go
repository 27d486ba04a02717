// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"encoding/binary"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	keySpaceEnd = "\xff"
)

// keySpace is a store's part of the cluster's keys: those from the prefix to the prefix and \xff.
type keySpace struct{ prefix string }

// pack returns the cluster's key for key, which may be key itself.
func (s keySpace) pack(key []byte) []byte {
	if s.prefix == "" {
		return key
	}
	packed := make([]byte, 0, len(s.prefix)+len(key))
	return append(append(packed, s.prefix...), key...)
}

// packStamped is pack for the template of a versionstamped key, whose offset moves with its beginning.
func (s keySpace) packStamped(template []byte) []byte {
	if s.prefix == "" {
		return template
	}
	packed := s.pack(template)
	offset := packed[len(packed)-kv.StampOffsetBytes:]
	binary.LittleEndian.PutUint32(offset, binary.LittleEndian.Uint32(offset)+uint32(len(s.prefix)))
	return packed
}

// unpack takes the prefix off a key of this space.
func (s keySpace) unpack(key []byte) []byte { return key[len(s.prefix):] }

// clamp is unpack for what a selector gave, which may lie before or behind this space.
func (s keySpace) clamp(key []byte) []byte {
	switch {
	case string(key) < s.prefix:
		return []byte{}
	case string(key) >= s.prefix+keySpaceEnd:
		return kv.KeySpaceEnd()
	}
	return s.unpack(key)
}

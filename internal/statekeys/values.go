// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package statekeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Version is the first byte of the values of alarms, messages, marks and dedup entries. Msgpack follows.
const Version = 1

// The state struct is encoded by its kind. Before it, in its first chunk, are its format (1 byte), its length (4 bytes,
// big endian) and the CRC-32C of what follows. In the versioned format that begins with the version of the kind.
const (
	structFormat       = 1
	versionedFormat    = 2
	structHeaderBytes  = 1 + 4 + 4
	structVersionBytes = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SealStruct returns what is stored of an encoded state struct, all chunks in a row. version is that of the kind, 0 for
// a kind without one. It shares no memory with encoded.
func SealStruct(version uint32, encoded []byte) []byte {
	all := make([]byte, structHeaderBytes, structHeaderBytes+structVersionBytes+len(encoded))
	all[0] = structFormat
	if version > 0 {
		all[0] = versionedFormat
		all = binary.BigEndian.AppendUint32(all, version)
	}
	all = append(all, encoded...)
	body := all[structHeaderBytes:]
	binary.BigEndian.PutUint32(all[1:], uint32(len(body)))
	binary.BigEndian.PutUint32(all[5:], crc32.Checksum(body, castagnoli))
	return all
}

// OpenStruct is the inverse of SealStruct. encoded aliases stored. Errors say, behind the name of what is stored, what
// is wrong with it.
func OpenStruct(stored []byte) (version uint32, encoded []byte, err error) {
	if len(stored) < structHeaderBytes || stored[0] != structFormat && stored[0] != versionedFormat {
		return 0, nil, errors.New("is in a format that this version can't read")
	}
	body := stored[structHeaderBytes:]
	if int(binary.BigEndian.Uint32(stored[1:])) != len(body) ||
		binary.BigEndian.Uint32(stored[5:]) != crc32.Checksum(body, castagnoli) {
		return 0, nil, errors.New("fails its checksum")
	}
	if stored[0] == structFormat {
		return 0, body, nil
	}
	if len(body) < structVersionBytes {
		return 0, nil, errors.New("has no version")
	}
	return binary.BigEndian.Uint32(body), body[structVersionBytes:], nil
}

// Encoded returns the msgpack in the value of a key, which is below the actor's prefix: without version, checksum and
// what else is before it. It reports false for what is no msgpack by itself, such as one of many chunks. What an actor
// keeps under keys of its own is returned as it is.
func Encoded(key, value []byte) ([]byte, bool) {
	if bytes.Equal(key, Alarms) || bytes.Equal(key, Dedup) { // a time, and a version of the store
		if len(value) != 8 {
			return nil, false
		}
		return api.AppendUint(nil, binary.BigEndian.Uint64(value)), true
	}
	t, err := tuple.Unpack(key)
	if err != nil || len(t) == 0 {
		return nil, false
	}
	switch t[0] {
	case "k", "b":
		return value, true
	case "s":
		_, encoded, err := OpenStruct(value)
		return encoded, err == nil
	}
	if len(value) == 0 || value[0] != Version {
		return nil, false
	}
	return value[1:], true
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Restored is a registry.StateRestorer. Versions of the store that the backup is of mean nothing in another
// store: the records of calls are kept, as of the time when they are first loaded, the floor below which calls are
// refused begins anew, and alarms and messages whose handlers have asked others ask them under the same keys, but
// born anew. Messages, and how far their receivers are with them, keep their numbers: what is done already does not
// run again.
func Restored(_ api.ActorID, key, value []byte) (registry.RestoredPart, error) {
	switch {
	case bytes.Equal(key, statekeys.Dedup):
		return registry.RestoredPart{}, nil
	case bytes.HasPrefix(key, statekeys.Dedup):
		r, err := dedup.DecodeEntry(key, value)
		if err != nil {
			return registry.RestoredPart{}, err
		}
		r.Key.Birth = dedup.BirthOfRestored
		return registry.RestoredPart{Value: r.Encode()}, nil
	case bytes.Equal(key, statekeys.Alarms):
		if len(value) != 8 {
			return registry.RestoredPart{}, api.Errorf(api.CodeCorruptState, "when an actor has something to do "+
				"can't be read")
		}
		return registry.RestoredPart{Value: value, Due: int64(binary.BigEndian.Uint64(value))}, nil
	case bytes.HasPrefix(key, statekeys.Alarms):
		al, err := call.DecodeAlarm(registry.Entry{Key: key, Value: value})
		if err != nil {
			return registry.RestoredPart{}, err
		}
		al.Birth = 0
		return registry.RestoredPart{Value: al.Encode(), Commits: al.Number >> numberBits}, nil
	case bytes.HasPrefix(key, statekeys.Marks), bytes.HasPrefix(key, statekeys.OutsideMarks):
		m, err := decodeHighWater(value)
		if err != nil {
			return registry.RestoredPart{}, err
		}
		m.Bound, m.Birth = 0, 0
		part := registry.RestoredPart{Value: m.Encode()}
		if bytes.HasPrefix(key, statekeys.Marks) { // other senders' numbers are no commits
			part.Commits = m.Number >> numberBits
		}
		return part, nil
	case bytes.HasPrefix(key, statekeys.Outbox):
		m, err := DecodeMessage(registry.Entry{Key: key, Value: value})
		if err != nil {
			return registry.RestoredPart{}, err
		}
		return registry.RestoredPart{Value: value, Commits: m.Number >> numberBits}, nil
	}
	return registry.RestoredPart{Value: value}, nil
}

// Check reads all that is stored as an actor's state, in order of key, and returns when the actor has something
// to do, in milliseconds since 1970 and 0 for never. It does not know the actor's kind, and so not what is in the
// state struct. Errors are CodeCorruptState.
func Check(id api.ActorID, entries []registry.Entry) (due int64, err error) {
	var pending, records []registry.Entry
	var chunks []byte
	next := 0
	for _, e := range entries {
		switch {
		case bytes.HasPrefix(e.Key, statekeys.Alarms), bytes.HasPrefix(e.Key, statekeys.Outbox):
			pending = append(pending, e)
		case bytes.HasPrefix(e.Key, statekeys.Dedup):
			records = append(records, e)
		case bytes.HasPrefix(e.Key, statekeys.Struct):
			if !bytes.Equal(e.Key, statekeys.Chunk(next)) {
				return 0, api.Errorf(api.CodeCorruptState, "actor %s: chunk %d of its state is missing", id, next)
			}
			next++
			chunks = append(chunks, e.Value...)
		case bytes.HasPrefix(e.Key, statekeys.KV):
			d := api.NewDecoder(e.Value)
			if d.Skip(); d.Err() != nil || len(d.Rest()) > 0 {
				return 0, api.Errorf(api.CodeCorruptState, "actor %s: the value of key %q in its key-value space is "+
					"no msgpack", id, e.Key)
			}
		}
	}
	g, err := LoadSchedule(pending, false)
	if err != nil {
		return 0, err
	}
	if _, err := dedup.Load(records, dedup.DefaultMaxRecords, false, math.MaxUint64); err != nil {
		return 0, err
	}
	if next > 0 {
		if _, _, err := statekeys.OpenStruct(chunks); err != nil {
			return 0, api.Errorf(api.CodeCorruptState, "actor %s: its state %v", id, err)
		}
	}
	if g != nil {
		due = g.Due
	}
	return due, nil
}

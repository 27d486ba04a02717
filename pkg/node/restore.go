// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// RestoredState is a registry.StateRestorer. Versions of the store that the backup is of mean nothing in another
// store: the records of calls are kept, as of the time when they are first loaded, the floor below which calls are
// refused begins anew, and alarms and messages whose handlers have asked others ask them under the same keys, but
// born anew. Messages, and how far their receivers are with them, keep their numbers: what is done already does not
// run again.
func RestoredState(_ api.ActorID, key, value []byte) (registry.RestoredPart, error) {
	switch {
	case bytes.Equal(key, recordPart):
		return registry.RestoredPart{}, nil
	case bytes.HasPrefix(key, recordPart):
		r, err := decodeRecord(key, value)
		if err != nil {
			return registry.RestoredPart{}, err
		}
		r.key.Birth = birthOfRestored
		return registry.RestoredPart{Value: r.encode()}, nil
	case bytes.Equal(key, alarmPart):
		if len(value) != 8 {
			return registry.RestoredPart{}, api.Errorf(api.CodeCorruptState, "when an actor has something to do "+
				"can't be read")
		}
		return registry.RestoredPart{Value: value, Due: int64(binary.BigEndian.Uint64(value))}, nil
	case bytes.HasPrefix(key, alarmPart):
		al, err := decodeAlarm(registry.Entry{Key: key, Value: value})
		if err != nil {
			return registry.RestoredPart{}, err
		}
		al.birth = 0
		return registry.RestoredPart{Value: al.encode(), Commits: al.number >> numberBits}, nil
	case bytes.HasPrefix(key, markPart), bytes.HasPrefix(key, outsideMarkPart):
		m, err := decodeMark(value)
		if err != nil {
			return registry.RestoredPart{}, err
		}
		m.bound, m.birth = 0, 0
		part := registry.RestoredPart{Value: m.encode()}
		if bytes.HasPrefix(key, markPart) { // other senders' numbers are no commits
			part.Commits = m.number >> numberBits
		}
		return part, nil
	case bytes.HasPrefix(key, outboxPart):
		m, err := decodeMessage(registry.Entry{Key: key, Value: value})
		if err != nil {
			return registry.RestoredPart{}, err
		}
		return registry.RestoredPart{Value: value, Commits: m.number >> numberBits}, nil
	}
	return registry.RestoredPart{Value: value}, nil
}

// CheckState reads all that is stored as an actor's state, in order of key, and returns when the actor has something
// to do, in milliseconds since 1970 and 0 for never. It does not know the actor's kind, and so not what is in the
// state struct. Errors are CodeCorruptState.
func CheckState(id api.ActorID, entries []registry.Entry) (due int64, err error) {
	var agenda, records []registry.Entry
	var chunks []byte
	next := 0
	for _, e := range entries {
		switch {
		case bytes.HasPrefix(e.Key, alarmPart), bytes.HasPrefix(e.Key, outboxPart):
			agenda = append(agenda, e)
		case bytes.HasPrefix(e.Key, recordPart):
			records = append(records, e)
		case bytes.HasPrefix(e.Key, structPart):
			if !bytes.Equal(e.Key, chunkKey(next)) {
				return 0, api.Errorf(api.CodeCorruptState, "actor %s: chunk %d of its state is missing", id, next)
			}
			next++
			chunks = append(chunks, e.Value...)
		case bytes.HasPrefix(e.Key, spacePart):
			d := api.NewDecoder(e.Value)
			if d.Skip(); d.Err() != nil || len(d.Rest()) > 0 {
				return 0, api.Errorf(api.CodeCorruptState, "actor %s: the value of key %q in its key-value space is "+
					"no msgpack", id, e.Key)
			}
		}
	}
	g, err := loadAgenda(agenda, false)
	if err != nil {
		return 0, err
	}
	if _, err := loadLedger(records, DefaultMaxRecords, false, math.MaxUint64); err != nil {
		return 0, err
	}
	if next > 0 {
		if _, _, err := openState(chunks); err != nil {
			return 0, api.Errorf(api.CodeCorruptState, "actor %s: its state %v", id, err)
		}
	}
	if g != nil {
		due = g.due
	}
	return due, nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package statekeys

import (
	"math"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// ChunkBytes is how much of a longer value goes into one value of the store, which holds 100,000 bytes.
const ChunkBytes = 90_000

// The prefixes of an actor's keys, in the order of the alphabet. They must not be modified.
var (
	// Replies is the prefix of replies that are too long for their dedup entry. They are read only for a repeat.
	Replies = tuple.Pack("b")
	// Marks is the prefix of the high-water marks of other actors' messages; OutsideMarks that of the marks of senders
	// that a peer which is no node has named.
	Marks        = tuple.Pack("i")
	OutsideMarks = tuple.Pack("j")
	// KV is the prefix of the actor's key-value state.
	KV = tuple.Pack("k")
	// Alarms is the prefix of the actor's alarms. It is itself the key of the time of the actor's entry in the wake-up
	// index.
	Alarms = tuple.Pack("l")
	// Outbox is the prefix of the actor's messages that are not delivered yet.
	Outbox = tuple.Pack("o")
	// Dedup is the prefix of the entries of the dedup table. It is itself the key of the table's low-water mark.
	Dedup = tuple.Pack("r")
	// Struct is the prefix of the chunks of the state struct.
	Struct = tuple.Pack("s")
)

// Alarm returns the key of an alarm.
func Alarm(name string) []byte { return tuple.Pack("l", name) }

// Message returns the key of a message that is not delivered yet. number is at most math.MaxInt64.
func Message(number uint64) []byte { return tuple.Pack("o", int64(number)) }

// Mark returns the key of the high-water mark of a sender. outside says that a peer which is no node has named it.
func Mark(sender api.ActorID, outside bool) []byte {
	if outside {
		return tuple.Pack("j", sender.Namespace, sender.ID)
	}
	return tuple.Pack("i", sender.Namespace, sender.ID)
}

// Chunk returns the key of the chunk of the state struct that comes after i others.
func Chunk(i int) []byte { return tuple.Pack("s", i) }

// KVKey returns the key of a value of the actor's key-value state.
func KVKey(key string) []byte { return tuple.Pack("k", key) }

// DedupEntry returns the key of the entry of a call.
func DedupEntry(k *api.CallKey) []byte {
	t := []any{"r", k.Name}
	if k.Name == "" {
		t = []any{"r", []byte(k.Client), int64(k.Counter & math.MaxInt64)}
	}
	if k.Path != "" {
		t = append(t, k.Path)
	}
	return tuple.Pack(t...)
}

// ReplyChunk returns the key of the chunk of a call's reply that comes after i others.
func ReplyChunk(k *api.CallKey, i int) []byte { return tuple.Pack(append(reply(k), i)...) }

// Reply returns the half-open range of the keys of a call's reply.
func Reply(k *api.CallKey) (begin, end []byte) {
	begin = tuple.Pack(reply(k)...)
	return begin, kv.PrefixEnd(begin)
}

func reply(k *api.CallKey) tuple.Tuple {
	if k.Name != "" {
		return tuple.Tuple{"b", k.Name, k.Path}
	}
	return tuple.Tuple{"b", []byte(k.Client), int64(k.Counter & math.MaxInt64), k.Path}
}

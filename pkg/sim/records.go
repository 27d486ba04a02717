// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// What the cluster keeps in the store, read here independently of the code that writes it: checkers judge by what is
// there, and bugs change it.

type incarnation [16]byte

type claimRecord struct {
	Node        string      `msgpack:"node"`
	Incarnation incarnation `msgpack:"incarnation"`
	Token       uint64      `msgpack:"token"`
	Since       time.Time   `msgpack:"since"`
	Move        string      `msgpack:"move,omitempty"`
}

type fenceRecord struct {
	Epoch       uint64      `msgpack:"epoch"`
	Incarnation incarnation `msgpack:"incarnation"`
	Revocations uint64      `msgpack:"revocations"`
}

type nodeRecord struct {
	Incarnation incarnation `msgpack:"incarnation"`
}

type beatRecord struct {
	Incarnation incarnation `msgpack:"incarnation"`
	Seq         uint64      `msgpack:"seq"`
	Load        api.Load    `msgpack:"load"`
}

type seqRecord struct {
	N     uint64   `msgpack:"n"`
	Batch [16]byte `msgpack:"batch"`
}

// metaRecord is the cluster's own.
type metaRecord struct {
	// Commits is the number that all commits of actors exceed.
	Commits uint64 `msgpack:"commits"`
}

const recordVersion = 1

// dueAtOnce is the time of an entry in the list of what is due that is to be looked after at once, and dueShards how
// many parts that list has.
const dueAtOnce, dueShards = 1, 256

// dueShard is the part of the list of what is due that an actor belongs to.
func dueShard(id api.ActorID) int {
	hash := fnv.New64a()
	hash.Write([]byte(id.Namespace + "\x00" + id.ID))
	h := hash.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % dueShards)
}

var metaKey = tuple.Pack("kelpie", "meta")

func decode[T any](value []byte) T {
	var v T
	if len(value) > 1 {
		if err := msgpack.Unmarshal(value[1:], &v); err != nil {
			panic(fmt.Sprintf("sim: a %T in the store can't be read: %v", v, err))
		}
	}
	return v
}

func encode(v any) []byte {
	b, err := msgpack.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sim: a %T does not encode: %v", v, err))
	}
	return append([]byte{recordVersion}, b...)
}

// keyKind is what a key is for.
type keyKind string

const (
	keyClaim keyKind = "claim"
	keyFence keyKind = "fence"
	keyNode  keyKind = "node"
	keyBeat  keyKind = "beat"
	keySeq   keyKind = "seq"
	keyState keyKind = "state"
	keyMeta  keyKind = "meta"
	keyTrial keyKind = "trial"
	keyOther keyKind = "other"
)

// keyInfo is what a key says.
type keyInfo struct {
	kind  keyKind
	node  string
	actor api.ActorID
}

func describeKey(key []byte) keyInfo {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 || t[0] != "kelpie" {
		return keyInfo{kind: keyOther}
	}
	text := func(i int) string {
		if i < len(t) {
			s, _ := t[i].(string)
			return s
		}
		return ""
	}
	switch kind := text(1); kind {
	case "meta":
		return keyInfo{kind: keyMeta}
	case "trial":
		return keyInfo{kind: keyTrial, node: text(2), actor: api.ActorID{Namespace: text(4), ID: text(5)}}
	case "fence", "node", "beat":
		return keyInfo{kind: keyKind(kind), node: text(2)}
	case "claim", "state":
		return keyInfo{kind: keyKind(kind), actor: api.ActorID{Namespace: text(2), ID: text(3)}}
	case "call":
		if text(4) == "seq" {
			return keyInfo{kind: keySeq, actor: api.ActorID{Namespace: text(2), ID: text(3)}}
		}
	}
	return keyInfo{kind: keyOther}
}

// lookup is what a read of single keys is about, whatever else it reads: where among the keys are those of a claim, of
// the same actor's seq, and of the reader's own fence; -1 is nowhere.
type lookup struct {
	claim, seq, ownFence int
}

func (a *audit) lookup(l *life, keys [][]byte) lookup {
	at := lookup{-1, -1, -1}
	var claimed api.ActorID
	for i, key := range keys {
		switch k := a.kind(key); {
		case k.kind == keyClaim && at.claim < 0:
			at.claim, claimed = i, k.actor
		case k.kind == keyFence && l != nil && k.node == l.name && at.ownFence < 0:
			at.ownFence = i
		}
	}
	for i, key := range keys {
		if k := a.kind(key); k.kind == keySeq && at.claim >= 0 && k.actor == claimed {
			at.seq = i
		}
	}
	return at
}

// activates reports whether a process begins to activate an actor: only that reads claim, seq and its own fence at
// once.
func (at lookup) activates() bool { return at.claim >= 0 && at.seq >= 0 && at.ownFence >= 0 }

// releases reports whether a process looks whether a claim is its own still, which a release does.
func (at lookup) releases() bool { return at.claim >= 0 && at.seq >= 0 && at.ownFence < 0 }

func parseActor(s string) (api.ActorID, error) { return api.ParseActorID(s) }

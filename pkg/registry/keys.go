// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/binary"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Prefix is the first element of every key of a cluster.
const Prefix = "kelpie"

// Kinds of keys, the second element of each.
const (
	kindMeta       = "meta"
	kindMembership = "membership"
	kindNode       = "node"
	kindFence      = "fence"
	kindBeat       = "beat"
	kindNamespace  = "ns"
	kindClaim      = "claim"
	kindState      = "state"
	kindCall       = "call"
	kindDue        = "due"
	kindUnattended = "unattended"
	kindDead       = "dead"
	kindDeadBody   = "deadbody"
	kindTrial      = "trial"
	kindQuarantine = "quarantine"
	kindEvent      = "event"
)

var (
	metaKey       = tuple.Pack(Prefix, kindMeta)
	membershipKey = tuple.Pack(Prefix, kindMembership)
	// unattendedKey counts the actors with something to do that nobody had in memory any more.
	unattendedKey = tuple.Pack(Prefix, kindUnattended)
)

func nodeKey(node string) []byte       { return tuple.Pack(Prefix, kindNode, node) }
func fenceKey(node string) []byte      { return tuple.Pack(Prefix, kindFence, node) }
func beatKey(node string) []byte       { return tuple.Pack(Prefix, kindBeat, node) }
func namespaceKey(ns string) []byte    { return tuple.Pack(Prefix, kindNamespace, ns) }
func claimKey(a api.ActorID) []byte    { return tuple.Pack(Prefix, kindClaim, a.Namespace, a.ID) }
func seqKey(a api.ActorID) []byte      { return tuple.Pack(Prefix, kindCall, a.Namespace, a.ID, "seq") }
func statePrefix(a api.ActorID) []byte { return tuple.Pack(Prefix, kindState, a.Namespace, a.ID) }

// kindRange is the range of all keys of a kind, or of a kind and a first element.
func kindRange(kind string, elems ...any) (begin, end []byte) {
	return tuple.Range(append([]any{Prefix, kind}, elems...)...)
}

// KindOf returns the kind of a key, and the namespace that it belongs to: both "" for a key that is not Kelpie's, the
// second for one that belongs to none.
func KindOf(key []byte) (kind, namespace string) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 || t[0] != Prefix {
		return "", ""
	}
	kind, _ = t[1].(string)
	at := 2
	switch kind {
	case kindNamespace, kindClaim, kindState, kindCall, kindDead, kindDeadBody, kindQuarantine:
	case kindDue, kindTrial:
		at = 4
	default:
		return kind, ""
	}
	if len(t) > at {
		namespace, _ = t[at].(string)
	}
	return kind, namespace
}

// Encoded returns the msgpack in the value of a key of a cluster, without its version and what else is before it. It
// reports false for what is no msgpack by itself, and for keys that are not Kelpie's.
func Encoded(key, value []byte) ([]byte, bool) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 || t[0] != Prefix {
		return nil, false
	}
	switch kind := t[1]; {
	case kind == kindMembership || kind == kindUnattended: // counters of the store's own atomic addition
		if len(value) != 8 {
			return nil, false
		}
		return api.AppendUint(nil, binary.LittleEndian.Uint64(value)), true
	case kind == kindState && len(t) > 4:
		return statekeys.Encoded(tuple.Pack(t[4:]...), value)
	case len(value) > 0 && value[0] == recordVersion:
		return value[1:], true
	}
	return nil, false
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// prefix begins every key of a cluster.
const prefix = "kelpie"

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
	metaKey       = tuple.Pack(prefix, kindMeta)
	membershipKey = tuple.Pack(prefix, kindMembership)
	// unattendedKey counts the actors with something to do that nobody had in memory any more.
	unattendedKey = tuple.Pack(prefix, kindUnattended)
)

func nodeKey(node string) []byte       { return tuple.Pack(prefix, kindNode, node) }
func fenceKey(node string) []byte      { return tuple.Pack(prefix, kindFence, node) }
func beatKey(node string) []byte       { return tuple.Pack(prefix, kindBeat, node) }
func namespaceKey(ns string) []byte    { return tuple.Pack(prefix, kindNamespace, ns) }
func claimKey(a api.ActorID) []byte    { return tuple.Pack(prefix, kindClaim, a.Namespace, a.ID) }
func seqKey(a api.ActorID) []byte      { return tuple.Pack(prefix, kindCall, a.Namespace, a.ID, "seq") }
func statePrefix(a api.ActorID) []byte { return tuple.Pack(prefix, kindState, a.Namespace, a.ID) }

// kindRange is the range of all keys of a kind, or of a kind and a first element.
func kindRange(kind string, elems ...any) (begin, end []byte) {
	return tuple.Range(append([]any{prefix, kind}, elems...)...)
}

// KindOf returns the kind of a key, and the namespace that it belongs to: both "" for a key that is not Kelpie's, the
// second for one that belongs to none.
func KindOf(key []byte) (kind, namespace string) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 || t[0] != prefix {
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

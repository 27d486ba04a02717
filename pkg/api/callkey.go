// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// CallKey names one call for good. Its caller keeps it across retries and nodes; the actor that has run the call
// answers a repeat under the same key from its records.
type CallKey struct {
	// Client is who calls, a name that nobody else has; it is "" if the caller has chosen Name.
	Client string
	// Counter numbers the client's calls, from 1 on.
	Counter uint64
	// Name is a key of the caller's own choice, which another process can repeat; else it is "".
	Name string
	// Path is "" for a call from outside. A call that a handler makes has the key of the call that it handles, with a
	// path of its own: see Child.
	Path string
	// Birth is a version of the store that the caller was given before it made the call. An actor that has dropped
	// records of calls knows by it which calls may have been among them.
	Birth uint64
	// Answered says that the client has the answers of all its calls with smaller counters, or no longer wants them:
	// nobody will repeat them.
	Answered uint64
	// AnsweredHere says the same of the client's calls to the actor that the call is for: one that another actor
	// keeps waiting has others remember nothing for it. It tells nothing of calls that handlers have made, which have
	// a Path.
	AnsweredHere uint64
	// Time is the caller's wall clock when it made the call, in microseconds since 1970. It is what the handler's clock
	// shows, each time that it runs.
	Time int64
}

// Settled returns below which counter nobody will repeat the client's calls to the actor, as far as the key tells:
// those that handlers have made, or those from outside.
func (k *CallKey) Settled(fromHandlers bool) uint64 {
	if fromHandlers || k.Path != "" {
		return k.Answered
	}
	return max(k.Answered, k.AnsweredHere)
}

// IsZero reports whether the key names nothing.
func (k *CallKey) IsZero() bool { return k.Client == "" && k.Name == "" }

// Same reports whether both keys name the same call.
func (k *CallKey) Same(other *CallKey) bool {
	return k.Client == other.Client && k.Counter == other.Counter && k.Name == other.Name && k.Path == other.Path
}

// Child returns the key of the nth call, from 0 on, that the handler of a call makes. parent is the actor whose
// handler it is.
//
// A client's counter belongs to one call, and so to one actor: the first generation needs no more than its place. A
// name may be used for calls to several actors, and an actor further down may be another one when its parent runs
// again: from there on the path tells the parents apart, by 96 bits of a SHA-256.
func (k CallKey) Child(parent ActorID, n int) CallKey {
	k.AnsweredHere = 0
	if k.Name != "" || k.Path != "" {
		h := sha256.New()
		for _, part := range []string{k.Path, parent.Namespace, parent.ID} {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
			h.Write([]byte(part))
		}
		k.Path = hex.EncodeToString(h.Sum(nil)[:12])
	}
	k.Path += "/" + strconv.Itoa(n)
	return k
}

// String is for people and logs.
func (k *CallKey) String() string {
	if k.Name != "" {
		return k.Name + k.Path
	}
	const shown = 4
	client := hex.EncodeToString([]byte(k.Client[:min(len(k.Client), shown)]))
	return client + "." + strconv.FormatUint(k.Counter, 10) + k.Path
}

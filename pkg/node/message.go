// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// outboxMax and outboxBytesMax bound what an actor has sent that is not delivered yet: it is in memory, and
	// loaded with the state. One target takes half of it at the most.
	outboxMax      = 2000
	outboxBytesMax = 2 << 20
	// numberBits is how many bits of a message's number tell apart those of one commit; the others are the number of
	// that. It is more than an outbox holds.
	numberBits = 12

	messageVersion = 1
	messageFields  = 7
)

// outboxPart begins the keys of an actor's messages that are not delivered yet.
var outboxPart = tuple.Pack("o")

func outboxKey(number uint64) []byte { return tuple.Pack("o", int64(number)) }

// message is one that an actor has sent. It is not changed once it is committed, but replaced.
type message struct {
	// number grows with every message of its sender, for ever. A message that was taken back from the dead letters
	// gets a new one; origin is the first.
	number, origin uint64
	target         api.ActorID
	method         string
	body           []byte
	// since is when it was sent, in milliseconds since 1970 by the sender's node.
	since    int64
	attempts int
}

// key names the calls that the receiver's handler makes: they are the same when it runs again.
func (m *message) key(sender api.ActorID, birth uint64) api.CallKey {
	sum := sha256.Sum256([]byte(sender.String()))
	name := "$send/" + hex.EncodeToString(sum[:16]) + "/" + strconv.FormatUint(m.origin, 10)
	return api.CallKey{Name: name, Birth: birth, Time: time.UnixMilli(m.since).UnixMicro()}
}

// bytes is about what the message takes in memory and in the store.
func (m *message) bytes() int {
	const fixed = 200
	return fixed + len(m.body) + len(m.method) + len(m.target.Namespace) + len(m.target.ID)
}

func (m *message) encode() []byte {
	b := append(make([]byte, 0, 64+len(m.body)), messageVersion)
	b = api.AppendArrayHeader(b, messageFields)
	b = api.AppendUint(b, m.origin)
	b = api.AppendString(b, m.target.Namespace)
	b = api.AppendString(b, m.target.ID)
	b = api.AppendString(b, m.method)
	b = api.AppendInt(b, m.since)
	b = api.AppendUint(b, uint64(m.attempts))
	return api.AppendBytes(b, m.body)
}

// decodeMessage reads a message back. Errors are CodeCorruptState.
func decodeMessage(e registry.Entry) (*message, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "a message that is to be sent can't be read: key %q", e.Key)
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 || len(e.Value) == 0 || e.Value[0] != messageVersion {
		return nil, corrupt
	}
	number, ok := t[1].(int64)
	d := api.NewDecoder(e.Value[1:])
	fields := d.Array()
	m := &message{number: uint64(number), origin: d.Uint(), target: api.ActorID{Namespace: d.String(), ID: d.String()},
		method: d.String(), since: d.Int(), attempts: int(d.Uint())}
	m.body = d.Bytes()
	if !ok || number <= 0 || d.Err() != nil || fields < messageFields {
		return nil, corrupt
	}
	return m, nil
}

// outboxRoom is what messages take of an outbox, and those to one target of that.
type outboxRoom struct{ count, bytes, targetCount, targetBytes int }

// room is what a message takes with others.
func (g *agenda) room(m *message, others ...[]*message) (r outboxRoom) {
	r.add(m, true)
	for _, some := range others {
		for _, other := range some {
			r.add(other, other.target == m.target)
		}
	}
	return r
}

func (r *outboxRoom) add(m *message, toTarget bool) {
	size := m.bytes()
	r.count, r.bytes = r.count+1, r.bytes+size
	if toTarget {
		r.targetCount, r.targetBytes = r.targetCount+1, r.targetBytes+size
	}
}

// fits reports whether there is room. One target may take as much as is left for all others (dynamic thresholds,
// Choudhury and Hahne, 1998): however many messages wait for targets that do not take them, there is room for those
// to others.
func (r outboxRoom) fits() bool {
	return r.targetCount <= outboxMax-r.count && r.targetBytes <= outboxBytesMax-r.bytes
}

// result is what has become of a message.
type result struct {
	number   uint64
	attempts int
	// ended messages leave the outbox; dead is the letter of one that was given up.
	ended bool
	dead  *registry.DeadLetter
}

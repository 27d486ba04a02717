// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

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
	// OutboxMax and outboxBytesMax bound what an actor has sent that is not delivered yet: it is in memory, and
	// loaded with the state. One target takes half of it at the most.
	OutboxMax = 2000
	// OutboxBytesMax is how many bytes the messages of an actor take that are not delivered yet.
	OutboxBytesMax = 2 << 20
	// NumberBits is how many bits of a message's number tell apart those of one commit; the others are the number of
	// that. It is more than an outbox holds.
	numberBits = 12

	messageVersion = 1
	// messageFields are those of the first version: error and retry have come later.
	messageFields = 7
)

// Message is one that an actor has sent. It is not changed once it is committed, but replaced.
type Message struct {
	// Number grows with every message of its sender, for ever. A message that was taken back from the dead letters
	// gets a new one; origin is the first.
	Number, Origin uint64
	Target         api.ActorID
	Method         string
	Body           []byte
	// Since is when it was sent, in milliseconds since 1970 by the sender's node.
	Since    int64
	Attempts int
	// Error is why the last try did not deliver it, for people. Retry is when the next one was to be, in milliseconds
	// since 1970.
	Error string
	Retry int64
}

// Key names the calls that the receiver's handler makes: they are the same when it runs again.
func (m *Message) Key(sender api.ActorID, birth uint64) api.CallKey {
	sum := sha256.Sum256([]byte(sender.String()))
	name := "$send/" + hex.EncodeToString(sum[:16]) + "/" + strconv.FormatUint(m.Origin, 10)
	return api.CallKey{Name: name, Birth: birth, Time: time.UnixMilli(m.Since).UnixMicro()}
}

// Bytes is about what the message takes in memory and in the store.
func (m *Message) Bytes() int {
	const fixed = 200
	return fixed + len(m.Body) + len(m.Method) + len(m.Target.Namespace) + len(m.Target.ID)
}

func (m *Message) encode() []byte {
	b := append(make([]byte, 0, 64+len(m.Body)), messageVersion)
	b = api.AppendArrayHeader(b, messageFields+2)
	b = api.AppendUint(b, m.Origin)
	b = api.AppendString(b, m.Target.Namespace)
	b = api.AppendString(b, m.Target.ID)
	b = api.AppendString(b, m.Method)
	b = api.AppendInt(b, m.Since)
	b = api.AppendUint(b, uint64(m.Attempts))
	b = api.AppendBytes(b, m.Body)
	b = api.AppendString(b, m.Error)
	return api.AppendInt(b, m.Retry)
}

// DecodeMessage reads a message back. Errors are CodeCorruptState.
func DecodeMessage(e registry.Entry) (*Message, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "a message that is to be sent can't be read: key %q", e.Key)
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 || len(e.Value) == 0 || e.Value[0] != messageVersion {
		return nil, corrupt
	}
	number, ok := t[1].(int64)
	d := api.NewDecoder(e.Value[1:])
	fields := d.Array()
	m := &Message{Number: uint64(number), Origin: d.Uint(), Target: api.ActorID{Namespace: d.String(), ID: d.String()},
		Method: d.String(), Since: d.Int(), Attempts: d.Count()}
	m.Body = d.Bytes()
	if fields >= messageFields+2 {
		m.Error, m.Retry = d.String(), d.Int()
	}
	if !ok || number <= 0 || d.Err() != nil || fields < messageFields {
		return nil, corrupt
	}
	return m, nil
}

// outboxRoom is what messages take of an outbox, and those to one target of that.
type outboxRoom struct{ Count, Bytes, TargetCount, TargetBytes int }

// Room is what a message takes with others.
func (g *Schedule) Room(m *Message, others ...[]*Message) (r outboxRoom) {
	r.add(m, true)
	for _, some := range others {
		for _, other := range some {
			r.add(other, other.Target == m.Target)
		}
	}
	return r
}

func (r *outboxRoom) add(m *Message, toTarget bool) {
	size := m.Bytes()
	r.Count, r.Bytes = r.Count+1, r.Bytes+size
	if toTarget {
		r.TargetCount, r.TargetBytes = r.TargetCount+1, r.TargetBytes+size
	}
}

// Fits reports whether there is room. One target may take as much as is left for all others (dynamic thresholds,
// Choudhury and Hahne, 1998): however many messages wait for targets that do not take them, there is room for those
// to others.
func (r outboxRoom) Fits() bool {
	return r.TargetCount <= OutboxMax-r.Count && r.TargetBytes <= OutboxBytesMax-r.Bytes
}

// Delivery is what has become of a message.
type Delivery struct {
	Number   uint64
	Attempts int
	// Error and Retry are as of a Message.
	Error string
	Retry int64
	// Ended messages leave the outbox; dead is the letter of one that was given up.
	Ended bool
	Dead  *registry.DeadLetter
}

// Drop is messages that a batch takes out of the outbox for an operator.
type Drop struct {
	Messages []*Message
	// Done is told, once, after the commit, what has become of them. It does not block.
	Done func(Dropped)
}

// Dropped is what is known of messages that were dropped.
type Dropped struct {
	// Delivered ones were, before they could be dropped.
	Delivered int
	// Unclear ones may have been handled: a try of them has not been answered, or other activations may have tried
	// them.
	Unclear int
}

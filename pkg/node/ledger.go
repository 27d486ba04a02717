// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// recordsMax is how many answers an actor keeps for repeats, the oldest dropped first.
	recordsMax = 1000
	// recordBodyBytesMax is the size of the largest reply that is kept. A repeat of a call
	// with a larger one learns only that it was done.
	recordBodyBytesMax = 64 << 10
)

// record is the answer of a call with an idempotency key, stored in the same transaction as the call's effects.
type record struct {
	// Number orders the actor's records by age.
	Number uint64 `msgpack:"n"`
	// Request is a hash of method and request: a key belongs to one request.
	Request []byte            `msgpack:"r"`
	Body    []byte            `msgpack:"b"`
	Omitted int               `msgpack:"o"` // size of a body too large to keep
	Code    api.Code          `msgpack:"c"`
	Message string            `msgpack:"m"`
	Detail  map[string]string `msgpack:"d"`
}

// ledger is an actor's records: what makes a call that is sent again with the same idempotency key have its effect
// once. The keys live in the store; what the activation has seen of them is cached.
type ledger struct {
	claim *registry.Claim
	// loaded is whether oldest and next are known: the records that exist have numbers in [oldest, next).
	loaded       bool
	oldest, next uint64
	known        map[string]record
	// The present batch's share.
	keys   []string
	before uint64 // next before the batch
}

func recordKey(key string) []byte    { return tuple.Pack("r", key) }
func recordOrderKey(n uint64) []byte { return tuple.Pack("o", n) }
func recordBounds() (key []byte)     { return tuple.Pack("b") }
func requestHash(c *call) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(c.method))))
	h.Write([]byte(c.method))
	h.Write(c.body)
	return h.Sum(nil)[:16]
}

// find returns the answer of an earlier call with the same key, and whether there is one.
func (l *ledger) find(ctx context.Context, c *call) (answer, bool) {
	r, ok, err := l.lookup(ctx, c.key)
	switch {
	case err != nil:
		return answer{call: c, err: wireError(err)}, true
	case !ok:
		return answer{}, false
	case string(r.Request) != string(requestHash(c)):
		return answer{call: c, err: api.Errorf(api.CodeFailedPrecondition, "actor %s: idempotency key %q was used for another request", c.actor, clip(c.key))}, true
	case r.Omitted > 0:
		return answer{call: c, err: api.Errorf(api.CodeFailedPrecondition, "actor %s: the call with idempotency key %q was done; its reply of %d bytes was too large to keep", c.actor, clip(c.key), r.Omitted)}, true
	case r.Code != api.CodeOK:
		err := api.Errorf(r.Code, "%s", r.Message)
		err.Detail = r.Detail
		return answer{call: c, err: err}, true
	}
	return answer{call: c, body: r.Body}, true
}

func (l *ledger) lookup(ctx context.Context, key string) (r record, ok bool, err error) {
	if err := l.load(ctx); err != nil {
		return r, false, err
	}
	if r, ok = l.known[key]; ok || l.next == l.oldest {
		return r, ok, nil
	}
	b, err := l.claim.Get(ctx, recordKey(key))
	if err != nil || b == nil {
		return r, false, err
	}
	if err := actor.Unmarshal(b, &r); err != nil {
		return r, false, api.Errorf(api.CodeCorruptState, "the record of idempotency key %q can't be read: %v", clip(key), err)
	}
	return r, true, nil
}

// load reads how many records there are, once.
func (l *ledger) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	b, err := l.claim.Get(ctx, recordBounds())
	if err != nil {
		return err
	}
	if len(b) == 16 {
		l.oldest, l.next = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	}
	l.before, l.loaded = l.next, true
	l.known = make(map[string]record)
	return nil
}

// add records the answer of a call that has run. Only what the actor itself decided is kept: any other failure is
// one that a repeat may overcome.
func (l *ledger) add(a *answer) {
	r := record{Number: l.next, Request: requestHash(a.call), Body: a.body}
	if a.err != nil {
		if api.CodeOf(a.err) != api.CodeApplication {
			return
		}
		e := wireError(a.err)
		r.Code, r.Message, r.Detail = e.Code, e.Message, e.Detail
	}
	if len(r.Body) > recordBodyBytesMax {
		r.Omitted, r.Body = len(r.Body), nil
	}
	l.known[a.call.key] = r
	l.keys = append(l.keys, a.call.key)
	l.next++
	a.writes = true
}

// writes returns what stores the batch's records and removes as many of the oldest as are too many.
func (l *ledger) writes(ctx context.Context) ([]registry.Write, error) {
	if len(l.keys) == 0 {
		return nil, nil
	}
	var out []registry.Write
	for _, key := range l.keys {
		r := l.known[key]
		b, err := actor.Marshal(r)
		if err != nil {
			return nil, err
		}
		out = append(out, registry.Write{Key: recordKey(key), Value: b}, registry.Write{Key: recordOrderKey(r.Number), Value: []byte(key)})
	}
	oldest := l.oldest
	for ; l.next-oldest > recordsMax && oldest < l.before; oldest++ {
		key, err := l.claim.Get(ctx, recordOrderKey(oldest))
		if err != nil {
			return nil, err
		}
		delete(l.known, string(key))
		out = append(out, registry.Write{Key: recordKey(string(key))}, registry.Write{Key: recordOrderKey(oldest)})
	}
	l.oldest = oldest
	bounds := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, l.oldest), l.next)
	return append(out, registry.Write{Key: recordBounds(), Value: bounds}), nil
}

// stored notes that the batch has been committed.
func (l *ledger) stored() { l.keys, l.before = nil, l.next }

// revert forgets the batch's records.
func (l *ledger) revert() {
	for _, key := range l.keys {
		delete(l.known, key)
	}
	l.keys, l.loaded = nil, false
}

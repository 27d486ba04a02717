// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Entry is the answer of a call, stored in the same transaction as the call's effects.
type Entry struct {
	Key api.CallKey // without its time
	// request is a hash of method and request: a key belongs to one request.
	request [16]byte
	// Body is the reply. One that is kept away, in keys of its own, is here only until the record is stored; away is
	// its size.
	Body []byte
	Away int
	// omitted is the size of a reply that is no longer kept.
	omitted int
	err     *api.Error // of the actor's own, nil if the call succeeded
}

const (
	// recordVersion is the first byte of a stored record.
	recordVersion = 1
	// recordFields are those of the first version: away has come later.
	recordFields = 9
	// bodyInlineMax is the size of the largest reply that is part of its record: records are in memory, and loaded
	// with the state.
	bodyInlineMax = 1 << 10
)

func bodyClearing(k *api.CallKey) registry.Write {
	begin, end := statekeys.Reply(k)
	return registry.Write{Key: begin, End: end}
}

// bodyWrites store a reply that is kept away.
func (r *Entry) bodyWrites() (out []registry.Write) {
	if r.Away == 0 {
		return nil
	}
	for i, left := 0, r.Body; len(left) > 0; i++ {
		n := min(len(left), statekeys.ChunkBytes)
		out = append(out, registry.Write{Key: statekeys.ReplyChunk(&r.Key, i), Value: left[:n]})
		left = left[n:]
	}
	return out
}

// bodyBytes is the size of a reply that does not count as part of its record.
func (r *Entry) bodyBytes() int {
	if r.Away > 0 {
		return r.Away
	}
	if len(r.Body) > bodyInlineMax {
		return len(r.Body)
	}
	return 0
}

// Answer is what a repeat of the call is told, but for a reply that is kept away.
func (r *Entry) Answer(c *call.Call) call.Answer {
	switch {
	case r.request != RequestHash(c):
		return call.Answer{
			Call: c, Err: api.Errorf(api.CodeFailedPrecondition, "actor %s: idempotency key %q was used "+
				"for another request", c.Actor, call.Clip(c.Key.String()))}
	case r.omitted > 0:
		return call.Answer{
			Call: c, Err: api.Errorf(api.CodeFailedPrecondition, "actor %s: the call with idempotency key "+
				"%q was done; its reply of %d bytes is no longer kept", c.Actor, call.Clip(c.Key.String()), r.omitted)}
	case r.err != nil:
		return call.Answer{Call: c, Err: r.err}
	}
	return call.Answer{Call: c, Body: r.Body}
}

// RequestHash tells requests apart: it is the first half of the SHA-256 of method and body.
func RequestHash(c *call.Call) [16]byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(c.Method))))
	h.Write([]byte(c.Method))
	h.Write(c.Body)
	var sum [sha256.Size]byte
	return [16]byte(h.Sum(sum[:0]))
}

// compareKeys orders keys by client, and those of a client by their counters: its newest call is its last.
func compareKeys(a, b *api.CallKey) int {
	return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Counter, b.Counter),
		cmp.Compare(a.Path, b.Path))
}

// bytes is about what the record takes in memory and in the store.
func (r *Entry) bytes() int {
	const fixed = 250
	n := fixed + 2*(len(r.Key.Client)+len(r.Key.Name)+len(r.Key.Path))
	if r.bodyBytes() == 0 {
		n += len(r.Body)
	}
	if r.err != nil {
		n += len(r.err.Message)
	}
	return n
}

// Encode is by position: a record is written for every call. A reply that is kept away is told as one that is not
// kept, too, for readers that don't know of the former.
func (r *Entry) Encode() []byte {
	inline, err := r.Body, r.err
	if r.Away > 0 {
		inline = nil
	}
	if err == nil {
		err = &api.Error{Code: api.CodeOK}
	}
	fields := recordFields + api.LaterFields
	if r.Away > 0 || api.LaterFields > 0 {
		fields++
	}
	b := append(make([]byte, 0, 64+len(inline)), recordVersion)
	b = api.AppendArrayHeader(b, fields)
	b = api.AppendBytes(b, r.request[:])
	b = api.AppendUint(b, r.Key.Birth)
	b = api.AppendUint(b, r.Key.Answered)
	b = api.AppendUint(b, r.Key.AnsweredHere)
	b = api.AppendBytes(b, inline)
	b = api.AppendUint(b, uint64(max(r.omitted, r.Away)))
	b = api.AppendUint(b, uint64(err.Code))
	b = api.AppendString(b, err.Message)
	b = api.AppendString(b, err.Detail[api.DetailCode])
	if r.Away > 0 || api.LaterFields > 0 {
		b = api.AppendUint(b, uint64(r.Away))
	}
	return api.AppendLater(b)
}

// DecodeEntry reads a record back. Errors are CodeCorruptState.
func DecodeEntry(key, value []byte) (*Entry, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "the record of a call can't be read: key %q", key)
	k, ok := parseRecordKey(key)
	if !ok || len(value) == 0 || value[0] != recordVersion {
		return nil, corrupt
	}
	r := &Entry{Key: k}
	d := api.NewDecoder(value[1:])
	fields := d.Array()
	request := d.Bytes()
	r.Key.Birth, r.Key.Answered, r.Key.AnsweredHere = d.Uint(), d.Uint(), d.Uint()
	r.Body, r.omitted = d.Bytes(), d.Count()
	code, message, detail := api.Code(d.Uint()), d.String(), d.String()
	if fields > recordFields {
		r.Away = d.Count()
	}
	if r.Away > 0 {
		r.omitted = 0
	}
	if d.Err() != nil || fields < recordFields || len(request) != len(r.request) {
		return nil, corrupt
	}
	r.request = [16]byte(request)
	if code != api.CodeOK {
		r.err = api.Errorf(code, "%s", message)
		r.err.Detail = map[string]string{api.DetailCode: detail}
	}
	return r, nil
}

func parseRecordKey(key []byte) (k api.CallKey, ok bool) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 {
		return k, false
	}
	path := t[2:]
	switch of := t[1].(type) {
	case string:
		k.Name = of
	case []byte:
		counter, isCounter := t[min(2, len(t)-1)].(int64)
		if !isCounter {
			return k, false
		}
		k.Client, k.Counter, path = string(of), uint64(counter), t[3:]
	default:
		return k, false
	}
	if len(path) == 1 {
		k.Path, ok = path[0].(string)
		return k, ok
	}
	return k, len(path) == 0
}

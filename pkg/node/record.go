// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// record is the answer of a call, stored in the same transaction as the call's effects.
type record struct {
	key api.CallKey // without its time
	// request is a hash of method and request: a key belongs to one request.
	request [16]byte
	body    []byte
	omitted int        // size of a body too large to keep
	err     *api.Error // of the actor's own, nil if the call succeeded
}

const (
	// recordVersion is the first byte of a stored record.
	recordVersion = 1
	recordFields  = 9
)

// recordPart begins the keys of an actor's records. It is itself the key of their floor, and all of them sort right
// before the state struct, so that one read brings both.
var recordPart = tuple.Pack("r")

func recordKey(k *api.CallKey) []byte {
	t := []any{"r", k.Name}
	if k.Name == "" {
		t = []any{"r", []byte(k.Client), int64(k.Counter & math.MaxInt64)}
	}
	if k.Path != "" {
		t = append(t, k.Path)
	}
	return tuple.Pack(t...)
}

func requestHash(c *call) [16]byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(c.method))))
	h.Write([]byte(c.method))
	h.Write(c.body)
	var sum [sha256.Size]byte
	return [16]byte(h.Sum(sum[:0]))
}

// compareKeys orders keys by client, and those of a client by their counters: its newest call is its last.
func compareKeys(a, b *api.CallKey) int {
	return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Counter, b.Counter), cmp.Compare(a.Path, b.Path))
}

// bytes is about what the record takes in memory and in the store.
func (r *record) bytes() int {
	const fixed = 250
	n := fixed + len(r.body) + 2*(len(r.key.Client)+len(r.key.Name)+len(r.key.Path))
	if r.err != nil {
		n += len(r.err.Message)
	}
	return n
}

// encode is by position: a record is written for every call.
func (r *record) encode() []byte {
	b := append(make([]byte, 0, 64+len(r.body)), recordVersion)
	b = api.AppendArrayHeader(b, recordFields+api.LaterFields)
	b = api.AppendBytes(b, r.request[:])
	b = api.AppendUint(b, r.key.Birth)
	b = api.AppendUint(b, r.key.Answered)
	b = api.AppendUint(b, r.key.AnsweredHere)
	b = api.AppendBytes(b, r.body)
	b = api.AppendUint(b, uint64(r.omitted))
	if r.err == nil {
		b = api.AppendUint(b, uint64(api.CodeOK))
		b = api.AppendString(b, "")
		b = api.AppendString(b, "")
		return api.AppendLater(b)
	}
	b = api.AppendUint(b, uint64(r.err.Code))
	b = api.AppendString(b, r.err.Message)
	b = api.AppendString(b, r.err.Detail[api.DetailCode])
	return api.AppendLater(b)
}

// decodeRecord reads a record back. Errors are CodeCorruptState.
func decodeRecord(key, value []byte) (*record, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "the record of a call can't be read: key %q", key)
	k, ok := parseRecordKey(key)
	if !ok || len(value) == 0 || value[0] != recordVersion {
		return nil, corrupt
	}
	r := &record{key: k}
	d := api.NewDecoder(value[1:])
	fields := d.Array()
	request := d.Bytes()
	r.key.Birth, r.key.Answered, r.key.AnsweredHere = d.Uint(), d.Uint(), d.Uint()
	r.body, r.omitted = d.Bytes(), int(d.Uint())
	code, message, detail := api.Code(d.Uint()), d.String(), d.String()
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

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// spaceKeyBytesMax is the length of the longest key in an actor's key-value space: with zero bytes escaped and
	// the actor's name before it, it fits the store's 10,000 bytes.
	spaceKeyBytesMax = 1024
	// rangeLimitMax is the most pairs that a handler gets at once.
	rangeLimitMax = 10_000
	// cacheBytesMax bounds what is cached of the space of an actor.
	cacheBytesMax = 1 << 20
	// heldBytesMax bounds the space of a volatile actor, which is in memory whole.
	heldBytesMax = 64 << 20
	// writeOverheadBytes is what a write costs in a transaction beyond its key and value.
	writeOverheadBytes = 101
)

// KV is an actor's key-value space during one batch: the store's content as of the last
// commit, under what the calls of the batch have written. It implements kind.KV for the call that runs.
type KV struct {
	claim *registry.Claim
	// Held is the content of a volatile actor's space, which has nothing in the store. For others it caches some of
	// what is committed, nil for keys that are not there: nobody else can change it while the claim is held.
	Held      map[string][]byte
	HeldBytes int
	volatile  bool
	// batch is what earlier calls of the batch wrote, call what the present one did; nil values are deletions.
	batch, call map[string][]byte
	// ctx and readOnly are the present call's.
	ctx      context.Context
	ReadOnly bool
	// Err is the first error of the store in the present call: it fails the call whatever the handler makes of it.
	Err error
	// Bytes is about what the batch's writes take in a transaction.
	Bytes int
}

var _ kind.KV = (*KV)(nil)

// NewKV returns the key-value state of an actor, read through its claim. Of a volatile actor it is in memory alone.
func NewKV(claim *registry.Claim, volatile bool) *KV {
	return &KV{claim: claim, volatile: volatile}
}

// Begin prepares for a call.
func (s *KV) Begin(ctx context.Context, readOnly bool) {
	s.ctx, s.ReadOnly, s.Err = ctx, readOnly, nil
	clear(s.call)
}

// Keep makes the call's writes part of the batch.
func (s *KV) Keep() {
	if len(s.call) == 0 {
		return
	}
	if s.batch == nil {
		s.batch = make(map[string][]byte, len(s.call))
	}
	for key, value := range s.call { //kelpie:unordered a merge of two maps
		s.batch[key] = value
		s.Bytes += len(key) + len(value) + writeOverheadBytes
	}
	clear(s.call)
}

// Rollback undoes the call's writes. It returns nil.
func (s *KV) Rollback() error {
	clear(s.call)
	return nil
}

// Revert undoes the batch's writes. It returns nil.
func (s *KV) Revert() error {
	s.ctx, s.call, s.batch, s.Bytes = nil, nil, nil, 0
	return nil
}

// Stored notes that the batch's writes have been committed: by the store or, those of a volatile actor, by being
// proved.
func (s *KV) Stored() {
	for _, key := range SortedKeys(s.batch) {
		s.Hold(key, s.batch[key])
	}
	s.ctx, s.call, s.batch, s.Bytes = nil, nil, nil, 0
}

// Hold keeps a committed value in memory. A cache that is full begins anew.
func (s *KV) Hold(key string, value []byte) {
	if old, ok := s.Held[key]; ok {
		s.HeldBytes -= len(key) + len(old) + writeOverheadBytes
		delete(s.Held, key)
	}
	if value == nil && s.volatile {
		return
	}
	size := len(key) + len(value) + writeOverheadBytes
	if !s.volatile && s.HeldBytes+size > cacheBytesMax {
		s.Forget()
	}
	if s.Held == nil {
		s.Held = make(map[string][]byte)
	}
	s.Held[key] = value
	s.HeldBytes += size
}

// Forget drops all that is in memory: all there is of a volatile actor's space, and the cache of another's.
func (s *KV) Forget() { s.Held, s.HeldBytes = nil, 0 }

// get reads what is committed.
func (s *KV) get(key string) ([]byte, error) {
	if value, ok := s.Held[key]; ok || s.volatile {
		return slices.Clone(value), nil
	}
	value, err := s.claim.Get(s.ctx, statekeys.KVKey(key))
	if err == nil {
		s.Hold(key, slices.Clone(value))
	}
	return value, err
}

// read returns up to limit committed pairs of a range, in order, and whether there may be more.
func (s *KV) read(from, to []byte, limit int) ([]registry.Entry, bool, error) {
	if !s.volatile {
		return s.claim.Range(s.ctx, from, to, limit)
	}
	var out []registry.Entry
	for _, key := range SortedKeys(s.Held) {
		if k := statekeys.KVKey(key); bytes.Compare(k, from) >= 0 && bytes.Compare(k, to) < 0 {
			if len(out) == limit {
				return out, true, nil
			}
			out = append(out, registry.Entry{Key: k, Value: slices.Clone(s.Held[key])})
		}
	}
	return out, false, nil
}

// Writes returns the batch's writes in order of key.
func (s *KV) Writes() []registry.Write {
	out := make([]registry.Write, 0, len(s.batch))
	for _, key := range SortedKeys(s.batch) {
		out = append(out, registry.Write{Key: statekeys.KVKey(key), Value: s.batch[key]})
	}
	return out
}

// written returns what the batch or the call wrote to key: nil for deleted.
func (s *KV) written(key string) (value []byte, ok bool) {
	if value, ok = s.call[key]; !ok {
		value, ok = s.batch[key]
	}
	return value, ok
}

// Get implements kind.KV.
func (s *KV) Get(key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if value, ok := s.written(key); ok {
		return slices.Clone(value), nil
	}
	value, err := s.get(key)
	return value, s.note(err)
}

// Set implements kind.KV.
func (s *KV) Set(key string, value []byte) error {
	if len(value) > kv.ValueBytesMax {
		return api.Errorf(api.CodeTooLarge, "value of %d bytes for key %q: at most %d fit", len(value), call.Clip(key),
			kv.ValueBytesMax)
	}
	return s.put(key, slices.Clip(append([]byte{}, value...)))
}

// Delete implements kind.KV.
func (s *KV) Delete(key string) error { return s.put(key, nil) }

func (s *KV) put(key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if s.ReadOnly {
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't write: key %q", call.Clip(key))
	}
	if s.volatile && value != nil && s.HeldBytes+s.Bytes+len(key)+len(value) > heldBytesMax {
		return api.Errorf(api.CodeTooLarge, "key %q: a volatile actor holds at most %d bytes", call.Clip(key),
			heldBytesMax)
	}
	if s.call == nil {
		s.call = make(map[string][]byte)
	}
	s.call[key] = value
	return nil
}

// Range implements kind.KV.
func (s *KV) Range(begin, end string, limit int) ([]kind.Pair, error) {
	if limit <= 0 || limit > rangeLimitMax {
		return nil, api.Errorf(api.CodeInvalidArgument, "limit %d: must be 1 to %d", limit, rangeLimitMax)
	}
	changed := s.changedKeys(begin, end)
	var out []kind.Pair
	from, to := statekeys.KVKey(begin), spaceEnd(end)
	for {
		entries, more, err := s.read(from, to, limit)
		if s.note(err) != nil {
			return nil, err
		}
		for _, e := range entries {
			key, err := spaceKeyOf(e.Key)
			if err != nil {
				return nil, s.note(err)
			}
			for len(changed) > 0 && changed[0] < key {
				out, changed = s.appendWritten(out, changed[0]), changed[1:]
			}
			if len(changed) > 0 && changed[0] == key {
				out, changed = s.appendWritten(out, key), changed[1:]
			} else {
				out = append(out, kind.Pair{Key: key, Value: e.Value})
			}
			if len(out) >= limit {
				return out[:limit], nil
			}
		}
		if !more || len(entries) == 0 {
			break
		}
		from = kv.KeyAfter(entries[len(entries)-1].Key)
	}
	for _, key := range changed {
		out = s.appendWritten(out, key)
	}
	return out[:min(len(out), limit)], nil
}

// changedKeys returns the keys in [begin, end) that the batch or the call has written, in order.
func (s *KV) changedKeys(begin, end string) []string {
	in := func(key string) bool { return key >= begin && (end == "" || key < end) }
	var keys []string
	for key := range s.batch { //kelpie:unordered sorted below
		if _, again := s.call[key]; in(key) && !again {
			keys = append(keys, key)
		}
	}
	for key := range s.call { //kelpie:unordered sorted below
		if in(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (s *KV) appendWritten(out []kind.Pair, key string) []kind.Pair {
	value, _ := s.written(key)
	if value == nil {
		return out
	}
	return append(out, kind.Pair{Key: key, Value: slices.Clone(value)})
}

// note remembers the first error of the store.
func (s *KV) note(err error) error {
	if s.Err == nil {
		s.Err = err
	}
	return err
}

func checkKey(key string) error {
	if len(key) > spaceKeyBytesMax {
		return api.Errorf(api.CodeTooLarge, "key of %d bytes: at most %d fit", len(key), spaceKeyBytesMax)
	}
	return nil
}

// spaceEnd is the key that ends a range of the space at end, or at the end of the space for "".
func spaceEnd(end string) []byte {
	if end == "" {
		return kv.PrefixEnd(statekeys.KV)
	}
	return statekeys.KVKey(end)
}

var errSpaceKey = errors.New("a key of the space is not a string")

func spaceKeyOf(key []byte) (string, error) {
	t, err := tuple.Unpack(key)
	if err != nil {
		return "", err
	}
	if len(t) == 2 {
		if s, ok := t[1].(string); ok {
			return s, nil
		}
	}
	return "", errSpaceKey
}

// SortedKeys returns the keys of a map in order.
func SortedKeys(m map[string][]byte) []string {
	keys := make([]string, 0, len(m))
	for key := range m { //kelpie:unordered sorted below
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

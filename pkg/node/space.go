// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
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

// space is an actor's key-value space during one batch: the store's content as of the last
// commit, under what the calls of the batch have written. It implements actor.Space for the call that runs.
type space struct {
	claim *registry.Claim
	// held is the content of a volatile actor's space, which has nothing in the store. For others it caches some of
	// what is committed, nil for keys that are not there: nobody else can change it while the claim is held.
	held      map[string][]byte
	heldBytes int
	volatile  bool
	// batch is what earlier calls of the batch wrote, call what the present one did; nil values are deletions.
	batch, call map[string][]byte
	// ctx and readOnly are the present call's.
	ctx      context.Context
	readOnly bool
	// err is the first error of the store in the present call: it fails the call whatever the handler makes of it.
	err error
	// bytes is about what the batch's writes take in a transaction.
	bytes int
}

var _ actor.Space = (*space)(nil)

func newSpace(claim *registry.Claim, volatile bool) *space {
	return &space{claim: claim, volatile: volatile}
}

// begin prepares for a call.
func (s *space) begin(ctx context.Context, readOnly bool) {
	s.ctx, s.readOnly, s.err = ctx, readOnly, nil
	clear(s.call)
}

// keep makes the call's writes part of the batch.
func (s *space) keep() {
	if len(s.call) == 0 {
		return
	}
	if s.batch == nil {
		s.batch = make(map[string][]byte, len(s.call))
	}
	for key, value := range s.call { //kelpie:unordered a merge of two maps
		s.batch[key] = value
		s.bytes += len(key) + len(value) + writeOverheadBytes
	}
	clear(s.call)
}

// reset forgets the batch's writes: they are committed, or undone.
func (s *space) reset() {
	s.ctx, s.call, s.batch, s.bytes = nil, nil, nil, 0
}

// stored notes that the batch's writes have been committed: by the store or, those of a volatile actor, by being
// proved.
func (s *space) stored() {
	for _, key := range sortedKeys(s.batch) {
		s.hold(key, s.batch[key])
	}
	s.reset()
}

// hold keeps a committed value in memory. A cache that is full begins anew.
func (s *space) hold(key string, value []byte) {
	if old, ok := s.held[key]; ok {
		s.heldBytes -= len(key) + len(old) + writeOverheadBytes
		delete(s.held, key)
	}
	if value == nil && s.volatile {
		return
	}
	size := len(key) + len(value) + writeOverheadBytes
	if !s.volatile && s.heldBytes+size > cacheBytesMax {
		s.forget()
	}
	if s.held == nil {
		s.held = make(map[string][]byte)
	}
	s.held[key] = value
	s.heldBytes += size
}

// forget drops all that is in memory: all there is of a volatile actor's space, and the cache of another's.
func (s *space) forget() { s.held, s.heldBytes = nil, 0 }

// get reads what is committed.
func (s *space) get(key string) ([]byte, error) {
	if value, ok := s.held[key]; ok || s.volatile {
		return slices.Clone(value), nil
	}
	value, err := s.claim.Get(s.ctx, spaceKey(key))
	if err == nil {
		s.hold(key, slices.Clone(value))
	}
	return value, err
}

// read returns up to limit committed pairs of a range, in order, and whether there may be more.
func (s *space) read(from, to []byte, limit int) ([]registry.Entry, bool, error) {
	if !s.volatile {
		return s.claim.Range(s.ctx, from, to, limit)
	}
	var out []registry.Entry
	for _, key := range sortedKeys(s.held) {
		if k := spaceKey(key); bytes.Compare(k, from) >= 0 && bytes.Compare(k, to) < 0 {
			if len(out) == limit {
				return out, true, nil
			}
			out = append(out, registry.Entry{Key: k, Value: slices.Clone(s.held[key])})
		}
	}
	return out, false, nil
}

// writes returns the batch's writes in order of key.
func (s *space) writes() []registry.Write {
	out := make([]registry.Write, 0, len(s.batch))
	for _, key := range sortedKeys(s.batch) {
		out = append(out, registry.Write{Key: spaceKey(key), Value: s.batch[key]})
	}
	return out
}

// written returns what the batch or the call wrote to key: nil for deleted.
func (s *space) written(key string) (value []byte, ok bool) {
	if value, ok = s.call[key]; !ok {
		value, ok = s.batch[key]
	}
	return value, ok
}

// Get implements actor.Space.
func (s *space) Get(key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if value, ok := s.written(key); ok {
		return slices.Clone(value), nil
	}
	value, err := s.get(key)
	return value, s.note(err)
}

// Set implements actor.Space.
func (s *space) Set(key string, value []byte) error {
	if len(value) > kv.ValueBytesMax {
		return api.Errorf(api.CodeTooLarge, "value of %d bytes for key %q: at most %d fit", len(value), clip(key),
			kv.ValueBytesMax)
	}
	return s.put(key, slices.Clip(append([]byte{}, value...)))
}

// Delete implements actor.Space.
func (s *space) Delete(key string) error { return s.put(key, nil) }

func (s *space) put(key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if s.readOnly {
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't write: key %q", clip(key))
	}
	if s.volatile && value != nil && s.heldBytes+s.bytes+len(key)+len(value) > heldBytesMax {
		return api.Errorf(api.CodeTooLarge, "key %q: a volatile actor holds at most %d bytes", clip(key), heldBytesMax)
	}
	if s.call == nil {
		s.call = make(map[string][]byte)
	}
	s.call[key] = value
	return nil
}

// Range implements actor.Space.
func (s *space) Range(begin, end string, limit int) ([]actor.Pair, error) {
	if limit <= 0 || limit > rangeLimitMax {
		return nil, api.Errorf(api.CodeInvalidArgument, "limit %d: must be 1 to %d", limit, rangeLimitMax)
	}
	changed := s.changedKeys(begin, end)
	var out []actor.Pair
	from, to := spaceKey(begin), spaceEnd(end)
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
				out = append(out, actor.Pair{Key: key, Value: e.Value})
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
func (s *space) changedKeys(begin, end string) []string {
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

func (s *space) appendWritten(out []actor.Pair, key string) []actor.Pair {
	value, _ := s.written(key)
	if value == nil {
		return out
	}
	return append(out, actor.Pair{Key: key, Value: slices.Clone(value)})
}

// note remembers the first error of the store.
func (s *space) note(err error) error {
	if s.err == nil {
		s.err = err
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
		return kv.PrefixEnd(spacePart)
	}
	return spaceKey(end)
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

func sortedKeys(m map[string][]byte) []string {
	keys := make([]string, 0, len(m))
	for key := range m { //kelpie:unordered sorted below
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

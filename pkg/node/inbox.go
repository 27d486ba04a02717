// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// marksMax bounds the marks that the activation of an actor caches that has them in the store. Beyond it begins
	// anew.
	marksMax = 1000
	// markBytes is about what a mark takes in memory, beside names and an error.
	markBytes = 150

	markVersion = 1
	// markFields are those of the first version: bound and birth have come later.
	markFields = 4
)

// inbox is the marks of an actor: those of the present batch, and some of those that the store has. A volatile actor
// has no others than those here: it keeps all of them, as long as the state that has what the messages did.
type inbox struct {
	volatile     bool
	batch, cache map[source]mark
	cacheBytes   int
}

// mark returns the mark of a source, the zero mark if nothing has come from it.
func (b *inbox) mark(ctx context.Context, claim *registry.Claim, from source) (mark, error) {
	if m, ok := b.batch[from]; ok {
		return m, nil
	}
	m, ok := b.cache[from]
	if ok || b.volatile {
		return m, nil
	}
	value, err := claim.Get(ctx, from.key())
	if err == nil && value != nil {
		m, err = decodeMark(value)
	}
	if err == nil {
		b.remember(from, m)
	}
	return m, err
}

func (b *inbox) remember(from source, m mark) {
	if b.cache == nil || len(b.cache) >= marksMax && !b.volatile {
		b.cache, b.cacheBytes = make(map[source]mark), 0
	}
	if old, ok := b.cache[from]; ok {
		b.cacheBytes -= old.bytes(from)
	}
	b.cache[from] = m
	b.cacheBytes += m.bytes(from)
}

// set makes a mark part of the batch.
func (b *inbox) set(from source, m mark) {
	if b.batch == nil {
		b.batch = make(map[source]mark)
	}
	b.batch[from] = m
}

func (b *inbox) writes() (out []registry.Write) {
	for _, from := range sources(b.batch) {
		m := b.batch[from]
		out = append(out, registry.Write{Key: from.key(), Value: m.encode()})
	}
	return out
}

func (b *inbox) stored() {
	for _, from := range sources(b.batch) {
		b.remember(from, b.batch[from])
	}
	b.batch = nil
}

// entries are all marks of a volatile actor, as the store would have them.
func (b *inbox) entries() (out []registry.Entry) {
	for _, from := range sources(b.cache) {
		m := b.cache[from]
		out = append(out, registry.Entry{Key: from.key(), Value: m.encode()})
	}
	return out
}

// load takes entries back. Errors are CodeCorruptState.
func (b *inbox) load(entries []registry.Entry) error {
	for _, e := range entries {
		from, ok := parseMarkKey(e.Key)
		if !ok {
			return errMark
		}
		m, err := decodeMark(e.Value)
		if err != nil {
			return err
		}
		b.remember(from, m)
	}
	return nil
}

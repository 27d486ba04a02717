// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

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
	Volatile     bool
	batch, Cache map[source]HighWater
	cacheBytes   int
}

// Mark returns the mark of a source, the zero mark if nothing has come from it.
func (b *inbox) Mark(ctx context.Context, claim *registry.Claim, from source) (HighWater, error) {
	if m, ok := b.batch[from]; ok {
		return m, nil
	}
	m, ok := b.Cache[from]
	if ok || b.Volatile {
		return m, nil
	}
	value, err := claim.Get(ctx, from.Key())
	if err == nil && value != nil {
		m, err = decodeHighWater(value)
	}
	if err == nil {
		b.Remember(from, m)
	}
	return m, err
}

func (b *inbox) Remember(from source, m HighWater) {
	if b.Cache == nil || len(b.Cache) >= marksMax && !b.Volatile {
		b.Cache, b.cacheBytes = make(map[source]HighWater), 0
	}
	if old, ok := b.Cache[from]; ok {
		b.cacheBytes -= old.bytes(from)
	}
	b.Cache[from] = m
	b.cacheBytes += m.bytes(from)
}

// Set makes a mark part of the batch.
func (b *inbox) Set(from source, m HighWater) {
	if b.batch == nil {
		b.batch = make(map[source]HighWater)
	}
	b.batch[from] = m
}

func (b *inbox) writes() (out []registry.Write) {
	for _, from := range sources(b.batch) {
		m := b.batch[from]
		out = append(out, registry.Write{Key: from.Key(), Value: m.Encode()})
	}
	return out
}

func (b *inbox) stored() {
	for _, from := range sources(b.batch) {
		b.Remember(from, b.batch[from])
	}
	b.batch = nil
}

// Entries are all marks of a volatile actor, as the store would have them.
func (b *inbox) Entries() (out []registry.Entry) {
	for _, from := range sources(b.Cache) {
		m := b.Cache[from]
		out = append(out, registry.Entry{Key: from.Key(), Value: m.Encode()})
	}
	return out
}

// Load takes entries back. Errors are CodeCorruptState.
func (b *inbox) Load(entries []registry.Entry) error {
	for _, e := range entries {
		from, ok := parseMarkKey(e.Key)
		if !ok {
			return errMark
		}
		m, err := decodeHighWater(e.Value)
		if err != nil {
			return err
		}
		b.Remember(from, m)
	}
	return nil
}

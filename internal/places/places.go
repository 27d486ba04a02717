// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package places

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Places are the addresses of actors, the least recently used forgotten first.
type Places struct {
	lru *simplelru.LRU[api.ActorID, string]
}

// New returns an empty Places for up to limit actors, about 200 bytes each. It panics if limit is not positive.
func New(limit int) *Places {
	lru, err := simplelru.NewLRU[api.ActorID, string](limit, nil)
	if err != nil {
		panic("places: " + err.Error()) // a mistake in the program
	}
	return &Places{lru: lru}
}

// Get returns where an actor was last found, and whether that is known.
func (p *Places) Get(id api.ActorID) (addr string, ok bool) { return p.lru.Get(id) }

// Put remembers where an actor was found.
func (p *Places) Put(id api.ActorID, addr string) { p.lru.Add(id, addr) }

// Remove forgets an actor if it is remembered at addr: somebody may have learnt better meanwhile.
func (p *Places) Remove(id api.ActorID, addr string) {
	if at, ok := p.lru.Peek(id); ok && at == addr {
		p.lru.Remove(id)
	}
}

// RemoveAll forgets all actors remembered at addr. It looks at every one.
func (p *Places) RemoveAll(addr string) {
	for _, id := range p.lru.Keys() {
		p.Remove(id, addr)
	}
}

// Len returns how many actors are remembered.
func (p *Places) Len() int { return p.lru.Len() }

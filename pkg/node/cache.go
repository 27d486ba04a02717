// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"container/list"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// placementCacheMax is how many actors' places a node remembers, about 200 bytes each.
const placementCacheMax = 100_000

// placementCache remembers where actors were last found, the least recently used forgotten
// first. What it says is a guess: the node asked corrects it. It is not safe for concurrent use.
type placementCache struct {
	max     int
	entries map[api.ActorID]*list.Element
	order   *list.List // of cacheEntry, most recently used first
}

type cacheEntry struct {
	actor api.ActorID
	addr  string
}

func newPlacementCache(max int) *placementCache {
	return &placementCache{max: max, entries: make(map[api.ActorID]*list.Element), order: list.New()}
}

func (c *placementCache) get(id api.ActorID) (string, bool) {
	e, ok := c.entries[id]
	if !ok {
		return "", false
	}
	c.order.MoveToFront(e)
	return e.Value.(cacheEntry).addr, true
}

func (c *placementCache) put(id api.ActorID, addr string) {
	if e, ok := c.entries[id]; ok {
		e.Value = cacheEntry{id, addr}
		c.order.MoveToFront(e)
		return
	}
	c.entries[id] = c.order.PushFront(cacheEntry{id, addr})
	if c.order.Len() > c.max {
		oldest := c.order.Back()
		delete(c.entries, oldest.Value.(cacheEntry).actor)
		c.order.Remove(oldest)
	}
}

// remove forgets an actor if it is remembered at addr.
func (c *placementCache) remove(id api.ActorID, addr string) {
	if e, ok := c.entries[id]; ok && e.Value.(cacheEntry).addr == addr {
		delete(c.entries, id)
		c.order.Remove(e)
	}
}

// removeAll forgets all actors remembered at addr.
func (c *placementCache) removeAll(addr string) {
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if entry := e.Value.(cacheEntry); entry.addr == addr {
			delete(c.entries, entry.actor)
			c.order.Remove(e)
		}
		e = next
	}
}

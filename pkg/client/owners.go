// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"container/list"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// ownersMax is how many actors' places a client remembers, about 200 bytes each.
const ownersMax = 10_000

// owners remembers where actors were last found, the least recently used forgotten first. What it says is a guess: the
// node there passes the call on. Not safe for concurrent use.
type owners struct {
	max     int
	entries map[api.ActorID]*list.Element
	order   *list.List // of ownerEntry, most recently used first
}

type ownerEntry struct {
	actor api.ActorID
	addr  string
}

func newOwners(max int) *owners {
	return &owners{max: max, entries: make(map[api.ActorID]*list.Element), order: list.New()}
}

func (o *owners) get(id api.ActorID) (addr string, ok bool) {
	e, ok := o.entries[id]
	if !ok {
		return "", false
	}
	o.order.MoveToFront(e)
	return e.Value.(ownerEntry).addr, true
}

func (o *owners) put(id api.ActorID, addr string) {
	if e, ok := o.entries[id]; ok {
		e.Value = ownerEntry{id, addr}
		o.order.MoveToFront(e)
		return
	}
	o.entries[id] = o.order.PushFront(ownerEntry{id, addr})
	if o.order.Len() > o.max {
		o.drop(o.order.Back())
	}
}

// remove forgets an actor if it is remembered at addr: somebody else may have learnt better meanwhile.
func (o *owners) remove(id api.ActorID, addr string) {
	if e, ok := o.entries[id]; ok && e.Value.(ownerEntry).addr == addr {
		o.drop(e)
	}
}

func (o *owners) drop(e *list.Element) {
	delete(o.entries, e.Value.(ownerEntry).actor)
	o.order.Remove(e)
}

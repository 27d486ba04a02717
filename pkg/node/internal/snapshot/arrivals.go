// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// arrivalTimeout is how long what was sent of an actor is kept for its activation, from the last piece on.
	arrivalTimeout = 30 * time.Second
	// arrivalBytesMax is how much is kept of all such actors.
	arrivalBytesMax = 512 << 20
)

// Arrival is an actor that another node is sending. It does not count as an activation yet.
type Arrival struct {
	Move     api.MoveID
	Actor    api.ActorID
	From     string
	data     []byte
	received int
	Snapshot *Snapshot // once data is complete
	Touched  time.Duration
}

// Arrivals are the actors that are on their way here. What is kept of one is used by the first activation under the
// claim that its move has handed over, once, or forgotten.
type Arrivals struct {
	mu      sync.Mutex
	byMove  map[api.MoveID]*Arrival
	byActor map[api.ActorID]*Arrival
	bytes   int
}

// Expect begins an arrival, in place of an earlier one of the actor.
func (as *Arrivals) Expect(a *Arrival) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byMove == nil {
		as.byMove, as.byActor = make(map[api.MoveID]*Arrival), make(map[api.ActorID]*Arrival)
	}
	as.remove(as.byActor[a.Actor])
	as.byMove[a.Move], as.byActor[a.Actor] = a, a
}

// Receive takes a piece. When all are there it checks and decodes them.
func (as *Arrivals) Receive(p *api.MovePieceRequest, now time.Duration) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[p.Move]
	switch {
	case a == nil:
		return api.Errorf(api.CodeNotFound, "a piece of a move that is not expected")
	case a.data == nil && as.bytes+p.Total > arrivalBytesMax:
		return api.Errorf(api.CodeOverloaded, "actor %s: too much is being moved to the node", a.Actor)
	case a.data == nil:
		a.data = make([]byte, p.Total)
		as.bytes += p.Total
	case a.Snapshot != nil || len(a.data) != p.Total:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece of another parcel", a.Actor)
	}
	if len(p.Data) > len(a.data)-p.Offset {
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that exceeds the parcel", a.Actor)
	}
	a.Touched = now
	if a.received += copy(a.data[p.Offset:], p.Data); a.received < len(a.data) {
		return nil
	}
	if Sum(a.data) != p.Sum {
		as.remove(a)
		return api.Errorf(api.CodeCorruptState, "actor %s: what was sent of it fails its checksum", a.Actor)
	}
	var err error
	if a.Snapshot, err = decode(a.data); err != nil {
		as.remove(a)
	}
	return err
}

// Of returns what is there of an actor, nil if nothing or not all.
func (as *Arrivals) Of(id api.ActorID) *Arrival {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := as.byActor[id]; a != nil && a.Snapshot != nil {
		return a
	}
	return nil
}

// Actor returns which actor a move is of.
func (as *Arrivals) Actor(move api.MoveID) (id api.ActorID, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[move]
	if a == nil {
		return api.ActorID{}, false
	}
	return a.Actor, true
}

// Forget drops a move.
func (as *Arrivals) Forget(move api.MoveID) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.remove(as.byMove[move])
}

// ForgetActor drops what is there of an actor.
func (as *Arrivals) ForgetActor(id api.ActorID) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.remove(as.byActor[id])
}

// Expire drops what nobody has come for.
func (as *Arrivals) Expire(now time.Duration) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, a := range as.byMove { //kelpie:unordered each by itself
		if now >= a.Touched+arrivalTimeout {
			as.remove(a)
		}
	}
}

// Expected is how many actors are on their way.
func (as *Arrivals) Expected() int {
	as.mu.Lock()
	defer as.mu.Unlock()
	return len(as.byMove)
}

// remove drops an arrival, if there is one. as.mu is held.
func (as *Arrivals) remove(a *Arrival) {
	if a == nil {
		return
	}
	as.bytes -= len(a.data)
	delete(as.byMove, a.Move)
	if as.byActor[a.Actor] == a {
		delete(as.byActor, a.Actor)
	}
}

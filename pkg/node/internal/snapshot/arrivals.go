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
	// arrivalBytesMax is how much is kept of all such actors, of which there are arrivalsMax.
	arrivalBytesMax = api.MoveBytesMax
	arrivalsMax     = 4096
	// pieceCost is what a piece takes in memory beside its data, about.
	pieceCost = 256
)

// Arrival is an actor that another node is sending. It does not count as an activation yet.
type Arrival struct {
	Move     api.MoveID
	Actor    api.ActorID
	From     string
	pieces   map[int][]byte // by their offset, until all have come
	total    int            // bytes that they all have
	data     int            // bytes that have come
	cost     int            // bytes of memory, about
	Snapshot *Snapshot      // once all have come
	// Touched is when the last piece came.
	Touched time.Duration
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
func (as *Arrivals) Expect(a *Arrival) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byMove == nil {
		as.byMove, as.byActor = make(map[api.MoveID]*Arrival), make(map[api.ActorID]*Arrival)
	}
	as.remove(as.byActor[a.Actor])
	as.remove(as.byMove[a.Move])
	if len(as.byMove) >= arrivalsMax {
		return api.Errorf(api.CodeNoCapacity, "%d actors are being moved to it already", arrivalsMax)
	}
	as.byMove[a.Move], as.byActor[a.Actor] = a, a
	return nil
}

// Receive takes a piece, for which memory is taken only as it comes. When all are there it checks and decodes them.
func (as *Arrivals) Receive(p *api.MovePieceRequest, now time.Duration) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[p.Move]
	switch {
	case a == nil:
		return api.Errorf(api.CodeNotFound, "a piece of a move that is not expected")
	case a.Snapshot != nil || a.pieces != nil && a.total != p.Total:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece of another snapshot", a.Actor)
	case len(p.Data) > p.Total-p.Offset:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that exceeds the snapshot", a.Actor)
	case a.pieces[p.Offset] != nil:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that has come already", a.Actor)
	case as.bytes+len(p.Data)+pieceCost > arrivalBytesMax:
		return api.Errorf(api.CodeOverloaded, "actor %s: too much is being moved to the node", a.Actor)
	}
	as.keep(a, p)
	a.Touched = now
	if a.data < a.total {
		return nil
	}
	var err error
	if a.Snapshot, err = a.open(p.Sum); err != nil {
		as.remove(a)
	}
	a.pieces = nil
	return err
}

// keep copies a piece. as.mu is held.
func (as *Arrivals) keep(a *Arrival, p *api.MovePieceRequest) {
	if a.pieces == nil {
		a.pieces, a.total = make(map[int][]byte), p.Total
	}
	a.pieces[p.Offset] = append([]byte{}, p.Data...)
	a.data += len(p.Data)
	a.cost += len(p.Data) + pieceCost
	as.bytes += len(p.Data) + pieceCost
}

// open puts the pieces together and decodes them.
func (a *Arrival) open(sum uint32) (*Snapshot, error) {
	all := make([]byte, 0, a.total)
	for piece := a.pieces[0]; len(piece) > 0; piece = a.pieces[len(all)] {
		all = append(all, piece...)
	}
	if len(all) < a.total {
		return nil, api.Errorf(api.CodeInvalidArgument, "actor %s: pieces that overlap", a.Actor)
	}
	if Sum(all) != sum {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: what was sent of it fails its checksum", a.Actor)
	}
	return decode(all)
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
	as.bytes -= a.cost
	delete(as.byMove, a.Move)
	if as.byActor[a.Actor] == a {
		delete(as.byActor, a.Actor)
	}
}

// Bytes returns about what the arrivals take in memory.
func (as *Arrivals) Bytes() int {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.bytes
}

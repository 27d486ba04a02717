// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"hash/crc32"
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

// arrival is an actor that another node is sending. It does not count as an activation yet.
type arrival struct {
	move     api.MoveID
	actor    api.ActorID
	from     string
	data     []byte
	received int
	parcel   *parcel // once data is complete
	touched  time.Duration
}

// arrivals are the actors that are on their way here. What is kept of one is used by the first activation under the
// claim that its move has handed over, once, or forgotten.
type arrivals struct {
	mu      sync.Mutex
	byMove  map[api.MoveID]*arrival
	byActor map[api.ActorID]*arrival
	bytes   int
}

// expect begins an arrival, in place of an earlier one of the actor.
func (as *arrivals) expect(a *arrival) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byMove == nil {
		as.byMove, as.byActor = make(map[api.MoveID]*arrival), make(map[api.ActorID]*arrival)
	}
	as.remove(as.byActor[a.actor])
	as.byMove[a.move], as.byActor[a.actor] = a, a
}

// receive takes a piece. When all are there it checks and decodes them.
func (as *arrivals) receive(p *api.MovePieceRequest, now time.Duration) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[p.Move]
	switch {
	case a == nil:
		return api.Errorf(api.CodeNotFound, "a piece of a move that is not expected")
	case a.data == nil && as.bytes+p.Total > arrivalBytesMax:
		return api.Errorf(api.CodeOverloaded, "actor %s: too much is being moved to the node", a.actor)
	case a.data == nil:
		a.data = make([]byte, p.Total)
		as.bytes += p.Total
	case a.parcel != nil || len(a.data) != p.Total:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece of another parcel", a.actor)
	}
	if len(p.Data) > len(a.data)-p.Offset {
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that exceeds the parcel", a.actor)
	}
	a.touched = now
	if a.received += copy(a.data[p.Offset:], p.Data); a.received < len(a.data) {
		return nil
	}
	if crc32.Checksum(a.data, castagnoli) != p.Sum {
		as.remove(a)
		return api.Errorf(api.CodeCorruptState, "actor %s: what was sent of it fails its checksum", a.actor)
	}
	var err error
	if a.parcel, err = decodeParcel(a.data); err != nil {
		as.remove(a)
	}
	return err
}

// of returns what is there of an actor, nil if nothing or not all.
func (as *arrivals) of(id api.ActorID) *arrival {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := as.byActor[id]; a != nil && a.parcel != nil {
		return a
	}
	return nil
}

// actor returns which actor a move is of.
func (as *arrivals) actor(move api.MoveID) (id api.ActorID, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[move]
	if a == nil {
		return api.ActorID{}, false
	}
	return a.actor, true
}

// forget drops a move.
func (as *arrivals) forget(move api.MoveID) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.remove(as.byMove[move])
}

// forgetActor drops what is there of an actor.
func (as *arrivals) forgetActor(id api.ActorID) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.remove(as.byActor[id])
}

// expire drops what nobody has come for.
func (as *arrivals) expire(now time.Duration) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, a := range as.byMove { //kelpie:unordered each by itself
		if now >= a.touched+arrivalTimeout {
			as.remove(a)
		}
	}
}

// expected is how many actors are on their way.
func (as *arrivals) expected() int {
	as.mu.Lock()
	defer as.mu.Unlock()
	return len(as.byMove)
}

// remove drops an arrival, if there is one. as.mu is held.
func (as *arrivals) remove(a *arrival) {
	if a == nil {
		return
	}
	as.bytes -= len(a.data)
	delete(as.byMove, a.move)
	if as.byActor[a.actor] == a {
		delete(as.byActor, a.actor)
	}
}

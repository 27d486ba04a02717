// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"hash/crc32"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
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

// movePrepare agrees to take an actor, or says why not.
func (mv *mover) movePrepare(_ context.Context, in *api.MovePrepareRequest) (*api.MovePrepareReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if len(in.Move) != len(api.MoveID{}) {
		return nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move")
	}
	if mv.kinds[id.Namespace] == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "it does not host namespace %q", id.Namespace)
	}
	if mv.keeper.draining() {
		return nil, refusedFor(api.RefusedDraining, api.Errorf(api.CodeNoCapacity, "it is draining"))
	}
	if err := mv.dispatcher.room(mv.host.arrivals.expected()); err != nil {
		return nil, err
	}
	mv.host.arrivals.expect(&arrival{move: api.MoveID(in.Move), actor: id, from: in.From, touched: mv.env.Monotonic()})
	return &api.MovePrepareReply{Incarnation: mv.keeper.incarnation()}, nil
}

func (mv *mover) movePiece(_ context.Context, req *rpc.Request) ([]byte, error) {
	p, err := api.DecodeMovePieceRequest(req.Payload)
	if err != nil {
		return nil, err
	}
	return nil, mv.host.arrivals.receive(&p, mv.env.Monotonic())
}

func (mv *mover) moveCancel(req *rpc.Request) {
	if len(req.Payload) == len(api.MoveID{}) {
		mv.host.arrivals.forget(api.MoveID(req.Payload))
	}
	req.Reply(nil, nil)
}

// moveComplete activates an actor whose claim was handed over, unless a call has already. It runs on the task that
// reads the connection, and so comes before the calls that the source sends behind it.
func (mv *mover) moveComplete(req *rpc.Request) {
	if len(req.Payload) != len(api.MoveID{}) {
		req.Reply(nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move"))
		return
	}
	id, ok := mv.host.arrivals.actor(api.MoveID(req.Payload))
	if !ok {
		req.Reply(nil, nil)
		return
	}
	mv.moves.came(id, mv.env.Monotonic())
	mv.waker.wakeHere(id, func(err error) { req.Reply(nil, err) })
}

// wakeHere activates an actor that this node owns or may claim.
func (w *waker) wakeHere(id api.ActorID, done func(err error)) {
	w.router.route(&call{
		actor: id, method: api.MethodWake, flags: api.InvokeForwarded | api.InvokeMayClaim,
		context:  func() context.Context { return w.ctx },
		deadline: w.env.Monotonic() + activateTimeout,
		finish:   func(_ []byte, _ string, err error) { done(err) },
	})
}

// obtain claims an actor. brought is what has come along with it, if the claim was handed over and that is not behind.
func (h *host) obtain(ctx context.Context, id api.ActorID, at registry.Attempt) (got registry.Acquired,
	brought *parcel, err error) {
	if err := h.claims.Acquire(ctx, 1); err != nil {
		return got, nil, err
	}
	defer h.claims.Release(1)
	begin, end := alarmPart, kv.PrefixEnd(structPart)
	if a := h.arrivals.of(id); a != nil {
		p := a.parcel
		got, err = h.registry.Install(ctx, h.keeper.member(), id,
			registry.Arrived{Move: a.move, Seq: p.seq, State: p.state}, begin, end)
		if err != nil {
			return got, nil, err
		}
		if got.Claim != nil {
			h.arrivals.forgetActor(id)
			if got.Claim.Seq() != p.seq {
				p = nil
			}
			return got, p, nil
		}
	}
	if h.keeper.draining() {
		if err := h.refuseUnlessOwn(ctx, id); err != nil {
			return got, nil, err
		}
	}
	got, err = h.registry.AcquireFor(ctx, h.keeper.member(), id, at, begin, end)
	if err == nil && got.Claim != nil {
		h.arrivals.forgetActor(id)
		h.tellTakenOver(id, got.From)
	}
	return got, nil, err
}

// unpack takes over what has come along.
func (a *activation) unpack(ctx context.Context, p *parcel) error {
	if p == nil {
		return nil
	}
	for _, e := range p.space {
		a.space.hold(string(e.Key), e.Value)
	}
	if len(p.marks) > 0 {
		if err := a.plan().inbox.load(p.marks); err != nil {
			return err
		}
	}
	return a.unpackLuggage(ctx, p.luggage)
}

// refuseUnlessOwn refuses an actor that the node does not own already: it is emptied.
func (h *host) refuseUnlessOwn(ctx context.Context, id api.ActorID) error {
	owner, err := h.registry.Owner(ctx, id)
	if err != nil || owner.Current && owner.Node == h.nodeID {
		return err
	}
	if owner.Current {
		return h.router.movedTo(id, owner)
	}
	return refusedFor(api.RefusedDraining,
		api.Errorf(api.CodeNoCapacity, "actor %s: node %s is draining", id, h.nodeID))
}

// tidy drops what has come of moves that have ended.
func (mv *mover) tidy() {
	now := mv.env.Monotonic()
	mv.host.arrivals.expire(now)
	mv.moves.forget(now)
}

// room says why the node has no room for an actor more, beside those that are expected.
func (d *dispatcher) room(expected int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopping:
		return api.Errorf(api.CodeFailedPrecondition, "it is stopping")
	case d.capacity > 0 && len(d.slots)-d.waiting+expected >= d.capacity:
		return refusedFor(api.RefusedFull,
			api.Errorf(api.CodeNoCapacity, "it is at its capacity of %d activations", d.capacity))
	case d.excess() > 0:
		return refusedFor(api.RefusedMemory,
			api.Errorf(api.CodeNoCapacity, "its activations take more than %d bytes", d.memoryLimit))
	}
	return nil
}

// refusedFor gives the error of a node that does not take an actor its reason, for placement elsewhere.
func refusedFor(reason string, err *api.Error) *api.Error {
	err.Detail = map[string]string{api.DetailRefused: reason}
	return err
}

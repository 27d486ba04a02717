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
	// arrivalBytesMax is how much is kept of all such actors, of which there are arrivalsMax.
	arrivalBytesMax = api.MoveBytesMax
	arrivalsMax     = 4096
	// pieceCost is what a piece takes in memory beside its data, about.
	pieceCost = 256
)

// arrival is an actor that another node is sending. It does not count as an activation yet.
type arrival struct {
	move   api.MoveID
	actor  api.ActorID
	from   string
	pieces map[int][]byte // by their offset, until all have come
	total  int            // bytes that they all have
	data   int            // bytes that have come
	cost   int            // bytes of memory, about
	parcel *parcel        // once all have come
	// touched is when the last piece came.
	touched time.Duration
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
func (as *arrivals) expect(a *arrival) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byMove == nil {
		as.byMove, as.byActor = make(map[api.MoveID]*arrival), make(map[api.ActorID]*arrival)
	}
	as.remove(as.byActor[a.actor])
	as.remove(as.byMove[a.move])
	if len(as.byMove) >= arrivalsMax {
		return api.Errorf(api.CodeNoCapacity, "%d actors are being moved to it already", arrivalsMax)
	}
	as.byMove[a.move], as.byActor[a.actor] = a, a
	return nil
}

// receive takes a piece, for which memory is taken only as it comes. When all are there it checks and decodes them.
func (as *arrivals) receive(p *api.MovePieceRequest, now time.Duration) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byMove[p.Move]
	switch {
	case a == nil:
		return api.Errorf(api.CodeNotFound, "a piece of a move that is not expected")
	case a.parcel != nil || a.pieces != nil && a.total != p.Total:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece of another parcel", a.actor)
	case len(p.Data) > p.Total-p.Offset:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that exceeds the parcel", a.actor)
	case a.pieces[p.Offset] != nil:
		return api.Errorf(api.CodeInvalidArgument, "actor %s: a piece that has come already", a.actor)
	case as.bytes+len(p.Data)+pieceCost > arrivalBytesMax:
		return api.Errorf(api.CodeOverloaded, "actor %s: too much is being moved to the node", a.actor)
	}
	as.keep(a, p)
	a.touched = now
	if a.data < a.total {
		return nil
	}
	var err error
	if a.parcel, err = a.open(p.Sum); err != nil {
		as.remove(a)
	}
	a.pieces = nil
	return err
}

// keep copies a piece. as.mu is held.
func (as *arrivals) keep(a *arrival, p *api.MovePieceRequest) {
	if a.pieces == nil {
		a.pieces, a.total = make(map[int][]byte), p.Total
	}
	a.pieces[p.Offset] = append([]byte{}, p.Data...)
	a.data += len(p.Data)
	a.cost += len(p.Data) + pieceCost
	as.bytes += len(p.Data) + pieceCost
}

// open puts the pieces together and decodes them.
func (a *arrival) open(sum uint32) (*parcel, error) {
	all := make([]byte, 0, a.total)
	for piece := a.pieces[0]; len(piece) > 0; piece = a.pieces[len(all)] {
		all = append(all, piece...)
	}
	if len(all) < a.total {
		return nil, api.Errorf(api.CodeInvalidArgument, "actor %s: pieces that overlap", a.actor)
	}
	if crc32.Checksum(all, castagnoli) != sum {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: what was sent of it fails its checksum", a.actor)
	}
	return decodeParcel(all)
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
	as.bytes -= a.cost
	delete(as.byMove, a.move)
	if as.byActor[a.actor] == a {
		delete(as.byActor, a.actor)
	}
}

// movePrepare agrees to take an actor, or says why not.
func (n *Node) movePrepare(ctx context.Context, in *api.MovePrepareRequest) (*api.MovePrepareReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if len(in.Move) != len(api.MoveID{}) {
		return nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move")
	}
	if n.kinds[id.Namespace] == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "it does not host namespace %q", id.Namespace)
	}
	if n.draining() {
		return nil, refusedFor(api.RefusedDraining, api.Errorf(api.CodeNoCapacity, "it is draining"))
	}
	if err := n.dispatcher.room(n.arrivals.expected()); err != nil {
		return nil, err
	}
	member := func(node registry.NodeInfo) bool { return node.Member() }
	if from, known, err := n.keeper.node(ctx, in.From, member); err != nil || !known || !member(from) {
		return nil, api.Errorf(api.CodeNoCapacity, "it knows no member %q that the actor could come from",
			clip(in.From))
	}
	err = n.arrivals.expect(&arrival{move: api.MoveID(in.Move), actor: id, from: in.From, touched: n.env.Monotonic()})
	if err != nil {
		return nil, err
	}
	return &api.MovePrepareReply{Incarnation: n.incarnation()}, nil
}

func (n *Node) movePiece(_ context.Context, req *rpc.Request) ([]byte, error) {
	p, err := api.DecodeMovePieceRequest(req.Payload)
	if err != nil {
		return nil, err
	}
	return nil, n.arrivals.receive(&p, n.env.Monotonic())
}

func (n *Node) moveCancel(req *rpc.Request) {
	if len(req.Payload) == len(api.MoveID{}) {
		n.arrivals.forget(api.MoveID(req.Payload))
	}
	req.Reply(nil, nil)
}

// moveComplete activates an actor whose claim was handed over, unless a call has already. It runs on the task that
// reads the connection, and so comes before the calls that the source sends behind it.
func (n *Node) moveComplete(req *rpc.Request) {
	if len(req.Payload) != len(api.MoveID{}) {
		req.Reply(nil, api.Errorf(api.CodeInvalidArgument, "malformed name of a move"))
		return
	}
	id, ok := n.arrivals.actor(api.MoveID(req.Payload))
	if !ok {
		req.Reply(nil, nil)
		return
	}
	n.moves.came(id, n.env.Monotonic())
	n.wakeHere(id, func(err error) { req.Reply(nil, err) })
}

// wakeHere activates an actor that this node owns or may claim.
func (n *Node) wakeHere(id api.ActorID, done func(err error)) {
	n.router.route(&call{
		actor: id, method: api.MethodWake, flags: api.InvokeForwarded | api.InvokeMayClaim,
		context:  func() context.Context { return n.ctx },
		deadline: n.env.Monotonic() + activateTimeout,
		finish:   func(_ []byte, _ string, err error) { done(err) },
	})
}

// obtain claims an actor. brought is what has come along with it, if the claim was handed over and that is not behind.
func (n *Node) obtain(ctx context.Context, id api.ActorID, at registry.Attempt) (got registry.Acquired,
	brought *parcel, err error) {
	if err := n.claims.Acquire(ctx, 1); err != nil {
		return got, nil, err
	}
	defer n.claims.Release(1)
	begin, end := alarmPart, kv.PrefixEnd(structPart)
	if a := n.arrivals.of(id); a != nil {
		p := a.parcel
		got, err = n.registry.Install(ctx, n.keeper.member(), id,
			registry.Arrived{Move: a.move, Seq: p.seq, State: p.state}, begin, end)
		if err != nil {
			return got, nil, err
		}
		if got.Claim != nil {
			n.arrivals.forgetActor(id)
			if got.Claim.Seq() != p.seq {
				p = nil
			}
			return got, p, nil
		}
	}
	if n.draining() {
		if err := n.refuseUnlessOwn(ctx, id); err != nil {
			return got, nil, err
		}
	}
	got, err = n.registry.AcquireFor(ctx, n.keeper.member(), id, at, begin, end)
	if err == nil && got.Claim != nil {
		n.arrivals.forgetActor(id)
		n.tellTakenOver(id, got.From)
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
func (n *Node) refuseUnlessOwn(ctx context.Context, id api.ActorID) error {
	owner, err := n.registry.Owner(ctx, id)
	if err != nil || owner.Current && owner.Node == n.config.NodeID {
		return err
	}
	if owner.Current {
		return n.router.movedTo(id, owner)
	}
	return refusedFor(api.RefusedDraining,
		api.Errorf(api.CodeNoCapacity, "actor %s: node %s is draining", id, n.config.NodeID))
}

// tidy drops what has come of moves that have ended.
func (n *Node) tidy() {
	now := n.env.Monotonic()
	n.arrivals.expire(now)
	n.moves.forget(now)
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

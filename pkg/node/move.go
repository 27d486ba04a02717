// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"errors"
	"hash/crc32"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// An actor moves in five steps, of which its source does all: the target prepares; the actor's slot stops taking
// calls; what the activation has in memory is sent to the target; one transaction hands the claim over; the target
// activates the actor, and gets the calls that have queued up, in their order. The transaction is the only moment
// that matters: a failure before it leaves the actor here, one after it leaves it there, and what was lost on the way
// is read from the store.

const (
	// prepareTimeout bounds the question whether a target takes an actor.
	prepareTimeout = 5 * time.Second
	// transferTimeout bounds the sending of what an activation has in memory: its calls wait meanwhile. The actor
	// then stays.
	transferTimeout = 10 * time.Second
	// pieceBytes is how much of that is sent in one piece, piecesAtOnce how many of them are on their way.
	pieceBytes   = 256 << 10
	piecesAtOnce = 8
	// moveCooldown is how long an actor that has been moved here stays, unless it must go: it is not to be thrown
	// back and forth.
	moveCooldown = 10 * time.Second
	// recentMovesMax is how many arrivals are remembered for that.
	recentMovesMax = 100_000
)

// move is one actor's way to another node. It belongs to the task that prepares it, then to that of the actor's slot.
type move struct {
	id    api.MoveID
	actor api.ActorID
	to    registry.NodeInfo
	// target is who has agreed to take the actor.
	target registry.Target
	why    string
	since  time.Duration
	done   *env.Future[moved]
}

// moved is how a move has ended well.
type moved struct {
	token uint64
	pause time.Duration
}

// moves are those under way that this node is the source of, and the actors that have come to it.
type moves struct {
	mu      sync.Mutex
	current map[api.ActorID]*move
	arrived map[api.ActorID]time.Duration
}

// begin notes a move, unless another one of the actor is under way, or it has only just come and force is false.
func (ms *moves) begin(m *move, force bool) error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if other := ms.current[m.actor]; other != nil {
		return api.Errorf(api.CodeFailedPrecondition, "actor %s is being moved to node %s already, for %s, since %v",
			m.actor, other.to.ID, other.why, (m.since - other.since).Round(time.Millisecond))
	}
	if at, ok := ms.arrived[m.actor]; ok && !force && m.since < at+moveCooldown {
		return api.Errorf(api.CodeFailedPrecondition,
			"actor %s was moved here %v ago: wait another %v, or use --force", m.actor,
			(m.since - at).Round(time.Millisecond), (at + moveCooldown - m.since).Round(time.Millisecond))
	}
	if ms.current == nil {
		ms.current = make(map[api.ActorID]*move)
	}
	ms.current[m.actor] = m
	return nil
}

// end ends a move. Whoever waits for it is told.
func (ms *moves) end(m *move, how moved, err error) {
	ms.mu.Lock()
	if ms.current[m.actor] == m {
		delete(ms.current, m.actor)
	}
	ms.mu.Unlock()
	m.done.Complete(how, err)
}

// abandon ends the move of an actor whose activation was given up.
func (ms *moves) abandon(id api.ActorID) {
	ms.mu.Lock()
	m := ms.current[id]
	ms.mu.Unlock()
	if m != nil {
		ms.end(m, moved{}, errGivenUp(id))
	}
}

// came notes that an actor has been moved here.
func (ms *moves) came(id api.ActorID, now time.Duration) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.arrived == nil || len(ms.arrived) >= recentMovesMax {
		ms.arrived = make(map[api.ActorID]time.Duration)
	}
	ms.arrived[id] = now
}

// forget drops the arrivals that matter no more.
func (ms *moves) forget(now time.Duration) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for id, at := range ms.arrived { //kelpie:unordered each by itself
		if now >= at+moveCooldown {
			delete(ms.arrived, id)
		}
	}
}

// migrate moves an actor that this node has, and waits for that until ctx ends; the move goes on then. An error of
// CodeMoved says that the actor is not here.
func (n *Node) migrate(ctx context.Context, id api.ActorID, to registry.NodeInfo, force bool, why string) (
	moved, error) {
	m := &move{id: n.moveIDs.Bytes16(), actor: id, to: to, why: why, since: n.env.Monotonic(),
		done: env.NewFuture[moved](n.env)}
	if err := n.moves.begin(m, force); err != nil {
		return moved{}, err
	}
	if err := n.prepare(ctx, m); err != nil {
		n.moves.end(m, moved{}, err)
		return moved{}, err
	}
	if err := n.dispatcher.move(m); err != nil {
		n.cancelMove(m)
		n.moves.end(m, moved{}, err)
		return moved{}, err
	}
	return m.done.Wait(ctx)
}

// refusedError is that of a target that does not take the actor: another one may.
type refusedError struct{ err *api.Error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// prepare asks the target.
func (n *Node) prepare(ctx context.Context, m *move) error {
	ctx, cancel := env.WithTimeout(n.env, ctx, prepareTimeout)
	defer cancel()
	req := &api.MovePrepareRequest{Move: m.id[:], Actor: m.actor.String(), From: n.config.NodeID}
	reply, err := rpc.CallTyped[api.MovePrepareRequest, api.MovePrepareReply](ctx, n.pool, m.to.Address,
		api.MethodMovePrepare, req)
	if err != nil {
		out := *wireError(err)
		out.Message = "node " + m.to.ID + " does not take actor " + m.actor.String() + ": " + out.Message
		return &refusedError{&out}
	}
	m.target = registry.Target{Node: m.to.ID}
	m.target.Incarnation, err = registry.ParseIncarnation(reply.Incarnation)
	return err
}

// cancelMove tells the target, which may not be there any more.
func (n *Node) cancelMove(m *move) {
	n.tell(m, api.MethodMoveCancel)
}

// tell sends the target something whose answer does not matter, and does not wait for it.
func (n *Node) tell(m *move, method string) {
	n.pool.Start(n.env.Monotonic()+prepareTimeout, m.to.Address, rpc.ClassCall, method, m.id[:],
		func(_ []byte, err error) {
			if err != nil {
				n.log.Debug("a move was not told of", "method", method, "actor", m.actor.String(), "node", m.to.ID,
					"error", err)
			}
		})
}

// runMove moves the actor of a slot, whose task runs it: so no call runs meanwhile. It reports whether the slot has
// gone.
func (n *Node) runMove(s *slot, m *move) (gone bool) {
	began := n.env.Monotonic()
	token, err := n.moveAway(s, m)
	if err != nil {
		n.events.sum(
			api.Event{Kind: api.EventMoveFailed, Node: n.config.NodeID, Actor: m.actor.String(), From: n.config.NodeID,
				To: m.to.ID, Cause: wireError(err).Message})
		n.moves.end(m, moved{}, err)
		return false
	}
	n.events.sum(api.Event{Kind: api.EventMigrated, Node: m.to.ID, Actor: m.actor.String(), From: n.config.NodeID,
		To: m.to.ID, Cause: m.why})
	n.router.remember(m.actor, m.to.Address)
	// On the stream that calls take: the actor is activated first.
	n.tell(m, api.MethodMoveComplete)
	for !n.dispatcher.remove(s) {
		if e := n.dispatcher.takeEviction(s); e != nil {
			e.done.Complete(struct{}{}, errMoved(m.actor))
		}
		for _, c := range n.dispatcher.take(s) {
			n.router.forward(c, m.to.Address, m.to.ID, api.InvokeForwarded|api.InvokeMayClaim)
		}
	}
	n.moves.end(m, moved{token: token, pause: n.env.Monotonic() - began}, nil)
	return true
}

// moveAway hands a slot's actor over. With an error it is still here, or the slot has no activation any more.
func (n *Node) moveAway(s *slot, m *move) (token uint64, err error) {
	if s.activation == nil {
		if s.activation, err = n.activate(s, nil); err != nil {
			n.cancelMove(m)
			return 0, err
		}
	}
	a := s.activation
	inTime, settled := n.deactivate(s)
	if !inTime {
		return 0, errAbandoned
	}
	if !settled {
		a.ended()
		s.activation = nil
		n.cancelMove(m)
		return 0, errMoved(m.actor)
	}
	if err = n.transfer(a, m); err == nil {
		token, err = a.claim.HandOver(n.ctx, m.target, m.id)
	}
	if err == nil {
		a.ended()
		s.activation = nil
		return token, nil
	}
	n.cancelMove(m)
	switch api.CodeOf(err) {
	case api.CodeMoved, api.CodeFenced, api.CodeUnknown: // lost, or in doubt: it is never resumed
		a.ended()
		s.activation = nil
		return 0, err
	}
	return 0, cmp.Or(n.resume(s), err)
}

// resume goes on with an activation that was to go.
func (n *Node) resume(s *slot) error {
	ctx, cancel := env.WithTimeout(n.env, n.ctx, activateTimeout)
	defer cancel()
	a := s.activation
	var err error
	if a.memory.lost { // by a hook that has failed
		err = errMoved(a.actor)
	} else {
		err = a.hook(ctx, "OnActivate", a.spec.Activate, nil)
	}
	if err != nil && !errors.Is(err, errAbandoned) {
		a.ended()
		s.activation = nil // which the next call begins anew, and the claim with it
	}
	return err
}

// transfer sends the target what the activation has in memory. An actor that has too much goes without.
func (n *Node) transfer(a *activation, m *move) error {
	ctx, cancel := env.WithTimeout(n.env, n.ctx, transferTimeout)
	defer cancel()
	p := a.pack()
	luggage, err := a.packLuggage(ctx)
	if err != nil {
		return err
	}
	p.luggage = luggage
	all := p.encode()
	if len(all) > api.MoveBytesMax || p.entries() > parcelEntriesMax {
		n.log.Warn("an actor has too much in memory to take it along", "actor", m.actor.String(), "bytes", len(all),
			"most", api.MoveBytesMax)
		return nil
	}
	return n.sendPieces(ctx, m, all)
}

// sendPieces sends bytes to the target, a few pieces at a time, and waits until all have been taken.
func (n *Node) sendPieces(ctx context.Context, m *move, all []byte) error {
	left, _ := env.Remaining(n.env, ctx)
	deadline := n.env.Monotonic() + left
	window := env.NewSemaphore(n.env, piecesAtOnce)
	var mu sync.Mutex
	var failed error
	sum := crc32.Checksum(all, castagnoli)
	for from := 0; from < len(all); from += pieceBytes {
		if err := window.Acquire(ctx, 1); err != nil {
			return errTransfer(m, err)
		}
		mu.Lock()
		err := failed
		mu.Unlock()
		if err != nil {
			return errTransfer(m, err)
		}
		piece := api.MovePieceRequest{Move: m.id, Offset: from, Total: len(all), Sum: sum,
			Data: all[from:min(from+pieceBytes, len(all))]}
		n.pool.Start(deadline, m.to.Address, rpc.ClassBulk, api.MethodMovePiece,
			piece.AppendTo(make([]byte, 0, len(piece.Data)+64)), func(_ []byte, err error) {
				mu.Lock()
				failed = cmp.Or(failed, err)
				mu.Unlock()
				window.Release(1)
			})
	}
	if err := window.Acquire(ctx, piecesAtOnce); err != nil {
		return errTransfer(m, err)
	}
	if failed != nil {
		return errTransfer(m, failed)
	}
	return nil
}

func errTransfer(m *move, err error) error {
	return api.Errorf(api.CodeUnavailable, "actor %s stays: what it has in memory could not be sent to node %s: %v",
		m.actor, m.to.ID, err)
}

// packLuggage has the actor pack what it takes along.
func (a *activation) packLuggage(ctx context.Context) (luggage []byte, err error) {
	if a.spec.Pack == nil {
		return nil, nil
	}
	err = a.aside(ctx, "packing", func(c *actor.Context, state any) (err error) {
		luggage, err = a.spec.Pack(c, state)
		return err
	})
	return luggage, err
}

// unpackLuggage has the actor unpack what came along. It goes on without if that fails.
func (a *activation) unpackLuggage(ctx context.Context, luggage []byte) error {
	if a.spec.Unpack == nil || luggage == nil {
		return nil
	}
	err := a.aside(ctx, "unpacking", func(c *actor.Context, state any) error {
		return a.spec.Unpack(c, state, luggage)
	})
	if errors.Is(err, errAbandoned) {
		return err
	}
	if err != nil {
		a.node.log.Warn("what an actor has taken along is lost", "actor", a.actor.String(), "error", err)
		return a.memory.rollback()
	}
	return nil
}

// aside runs code of the actor's that changes nothing that is stored. Anything but errAbandoned is its own error.
func (a *activation) aside(ctx context.Context, name string, f actor.Hook) error {
	now := a.node.env.Monotonic()
	left, _ := env.Remaining(a.node.env, ctx)
	a.slot.enter(name, nil, nil, now, now+left)
	a.space.begin(ctx, true)
	err := a.guard(name, func() error {
		return f(actor.NewContext(ctx, a.actor, a.space).WithTurn(a.hookTurn(name)), a.memory.value)
	})
	if a.panicked { // in the middle of something
		err = cmp.Or(a.memory.rollback(), err)
	}
	if !a.slot.leave() {
		return errAbandoned
	}
	if err != nil {
		return api.Errorf(api.CodeFailedPrecondition, "actor %s: %s what it takes along has failed: %s", a.actor, name,
			reason(err))
	}
	return nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/snapshot"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// An actor moves in five steps, of which its source does all: the target prepares; the actor's mailbox stops taking
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

// move is one actor's way to another node. It belongs to the task that prepares it, then to that of the actor's
// mailbox.
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
func (mv *Migrator) migrate(ctx context.Context, id api.ActorID, to registry.NodeInfo, force bool, why string) (
	moved, error) {
	m := &move{id: mv.ids.Bytes16(), actor: id, to: to, why: why, since: mv.Env.Monotonic(),
		done: env.NewFuture[moved](mv.Env)}
	if err := mv.Moves.begin(m, force); err != nil {
		return moved{}, err
	}
	if err := mv.prepare(ctx, m); err != nil {
		mv.Moves.end(m, moved{}, err)
		return moved{}, err
	}
	err := mv.Mailboxes.Control(m.actor, &mailbox.Control{
		Run:   func(s *mailbox.Mailbox) bool { return mv.runMove(s, m) },
		Abort: func(err error) { mv.Moves.end(m, moved{}, err) },
	})
	if err != nil {
		mv.cancelMove(m)
		mv.Moves.end(m, moved{}, err)
		return moved{}, err
	}
	return m.done.Wait(ctx)
}

// refusedError is that of a target that does not take the actor: another one may.
type refusedError struct{ err *api.Error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// prepare asks the target.
func (mv *Migrator) prepare(ctx context.Context, m *move) error {
	ctx, cancel := env.WithTimeout(mv.Env, ctx, prepareTimeout)
	defer cancel()
	req := &api.MovePrepareRequest{Move: m.id[:], Actor: m.actor.String(), From: mv.NodeID}
	reply, err := rpc.CallTyped[api.MovePrepareRequest, api.MovePrepareReply](ctx, mv.Pool, m.to.Address,
		api.MethodMovePrepare, req)
	if err != nil {
		out := *call.WireError(err)
		out.Message = "node " + m.to.ID + " does not take actor " + m.actor.String() + ": " + out.Message
		return &refusedError{&out}
	}
	m.target = registry.Target{Node: m.to.ID}
	m.target.Incarnation, err = registry.ParseIncarnation(reply.Incarnation)
	return err
}

// cancelMove tells the target, which may not be there any more.
func (mv *Migrator) cancelMove(m *move) {
	mv.tell(m, api.MethodMoveCancel)
}

// tell sends the target something whose answer does not matter, and does not wait for it.
func (mv *Migrator) tell(m *move, method string) {
	mv.Pool.Start(mv.Env.Monotonic()+prepareTimeout, m.to.Address, rpc.ClassCall, method, m.id[:],
		func(_ []byte, err error) {
			if err != nil {
				mv.Log.Debug("a move was not told of", "method", method, "actor", m.actor.String(), "node", m.to.ID,
					"error", err)
			}
		})
}

// runMove moves the actor of a mailbox, whose task runs it: so no call runs meanwhile. It reports whether the mailbox
// has gone.
func (mv *Migrator) runMove(s *mailbox.Mailbox, m *move) (gone bool) {
	began := mv.Env.Monotonic()
	token, err := mv.moveAway(s, m)
	if err != nil {
		mv.Events.Sum(
			api.Event{Kind: api.EventMoveFailed, Node: mv.NodeID, Actor: m.actor.String(), From: mv.NodeID,
				To: m.to.ID, Cause: call.WireError(err).Message})
		mv.Moves.end(m, moved{}, err)
		return false
	}
	mv.Events.Sum(api.Event{Kind: api.EventMigrated, Node: m.to.ID, Actor: m.actor.String(), From: mv.NodeID,
		To: m.to.ID, Cause: m.why})
	mv.Router.Remember(m.actor, m.to.Address)
	// On the stream that calls take: the actor is activated first.
	mv.tell(m, api.MethodMoveComplete)
	for !mv.Mailboxes.Remove(s) {
		for _, c := range mv.Mailboxes.TakeControls(s) {
			c.Abort(call.ErrMoved(m.actor))
		}
		for _, c := range mv.Mailboxes.Take(s) {
			mv.Router.Forward(c, m.to.Address, m.to.ID, api.InvokeForwarded|api.InvokeMayClaim)
		}
	}
	mv.Moves.end(m, moved{token: token, pause: mv.Env.Monotonic() - began}, nil)
	return true
}

// moveAway hands a mailbox's actor over. With an error it is still here, or the mailbox has no activation any more.
func (mv *Migrator) moveAway(s *mailbox.Mailbox, m *move) (token uint64, err error) {
	if activation.Of(s) == nil {
		a, err := mv.Host.Activate(s, nil)
		if err != nil {
			mv.cancelMove(m)
			return 0, err
		}
		s.Resident = a
	}
	a := activation.Of(s)
	settled, err := mv.Host.Deactivate(s)
	if err != nil {
		return 0, err
	}
	if !settled {
		a.Ended()
		s.Resident = nil
		mv.cancelMove(m)
		return 0, call.ErrMoved(m.actor)
	}
	if err = mv.transfer(a, m); err == nil {
		token, err = a.Claim.HandOver(mv.Ctx, m.target, m.id)
	}
	if err == nil {
		a.Ended()
		s.Resident = nil
		return token, nil
	}
	mv.cancelMove(m)
	switch api.CodeOf(err) {
	case api.CodeMoved, api.CodeFenced, api.CodeUnknown: // lost, or in doubt: it is never resumed
		a.Ended()
		s.Resident = nil
		return 0, err
	}
	return 0, cmp.Or(mv.resume(s), err)
}

// resume goes on with an activation that was to go.
func (mv *Migrator) resume(s *mailbox.Mailbox) error {
	ctx, cancel := env.WithTimeout(mv.Env, mv.Ctx, call.ActivateTimeout)
	defer cancel()
	a := activation.Of(s)
	var err error
	if a.Struct.Lost { // by a hook that has failed
		err = call.ErrMoved(a.Actor)
	} else {
		err = a.Hook(ctx, "OnActivate", a.Spec.Activate, nil)
	}
	if err != nil && !errors.Is(err, call.ErrAbandoned) {
		a.Ended()
		s.Resident = nil // which the next call begins anew, and the claim with it
	}
	return err
}

// transfer sends the target what the activation has in memory. An actor that has too much goes without.
func (mv *Migrator) transfer(a *activation.Activation, m *move) error {
	ctx, cancel := env.WithTimeout(mv.Env, mv.Ctx, transferTimeout)
	defer cancel()
	p := a.Pack()
	luggage, err := a.PackPayload(ctx)
	if err != nil {
		return err
	}
	p.Payload = luggage
	all := p.Encode()
	if len(all) > api.MoveBytesMax || p.Entries() > snapshot.EntriesMax {
		mv.Log.Warn("an actor has too much in memory to take it along", "actor", m.actor.String(), "bytes", len(all),
			"most", api.MoveBytesMax)
		return nil
	}
	return mv.sendPieces(ctx, m, all)
}

// sendPieces sends bytes to the target, a few pieces at a time, and waits until all have been taken.
func (mv *Migrator) sendPieces(ctx context.Context, m *move, all []byte) error {
	left, _ := env.Remaining(mv.Env, ctx)
	deadline := mv.Env.Monotonic() + left
	window := env.NewSemaphore(mv.Env, piecesAtOnce)
	var mu sync.Mutex
	var failed error
	sum := snapshot.Sum(all)
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
		mv.Pool.Start(deadline, m.to.Address, rpc.ClassBulk, api.MethodMovePiece,
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

// Stats tells of the moves under way, the oldest first, and how many there are.
func (ms *moves) Stats(from string, now time.Duration) (out []api.MoveStats, moving int) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	out = []api.MoveStats{}
	for _, m := range ms.current { //kelpie:unordered sorted below
		out = append(
			out, api.MoveStats{Actor: m.actor.String(), From: from, To: m.to.ID, Why: m.why,
				AgeMillis: (now - m.since).Milliseconds()})
	}
	slices.SortFunc(out, func(a, b api.MoveStats) int {
		return cmp.Or(cmp.Compare(b.AgeMillis, a.AgeMillis), strings.Compare(a.Actor, b.Actor))
	})
	return out[:min(len(out), api.StatsActorsMax)], len(ms.current)
}

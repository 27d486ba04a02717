// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Target is a node that has agreed to take an actor, in the run of it that has.
type Target struct {
	Node        string
	Incarnation Incarnation
}

// Seq numbers the commits of an actor's state, and tells attempts at the same number apart.
type Seq struct {
	N     uint64
	Batch [16]byte
}

// Seq returns the number of the last commit of the actor's state.
func (c *Claim) Seq() Seq { return Seq(c.seq) }

// HandOver turns the claim into one of the target's, under the next token, in one transaction that reads both nodes'
// fences: whatever fails before it leaves the actor here, whatever fails after it leaves it there. The activation
// must have nothing in doubt, and do nothing meanwhile. move names the handover: only who was sent it along with the
// actor's state may Install that.
//
// The target attends to what the actor has to do, from its first commit on if that is to be done at once (see
// DueEntry).
//
//   - nil: the target holds the claim, under the token.
//   - CodeMoved, CodeFenced: the claim was lost before; drop the activation.
//   - CodeUnknown: in doubt, and it may still happen: drop the activation and never resume it.
//   - other: not handed over, and never will be; the claim is as before.
func (c *Claim) HandOver(ctx context.Context, to Target, move api.MoveID) (token uint64, err error) {
	token = c.token + 1
	doubt := false
	for {
		_, err := run(ctx, c.registry, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			return struct{}{}, c.handOver(ctx, tx, to, move)
		})
		switch {
		case err == nil:
			return token, nil
		case errors.Is(err, kv.ErrCommitUnknown):
			doubt = true
			if env.Sleep(c.registry.env, ctx, c.registry.random.Jitter(unknownRetryDelay)) == nil {
				continue
			}
		}
		if doubt {
			return 0, errHandOverInDoubt(c.actor, err)
		}
		return 0, err
	}
}

func (c *Claim) handOver(ctx context.Context, tx kv.Tx, to Target, move api.MoveID) error {
	now, seq, err := readClaim(ctx, tx, c.actor) // R1
	if err != nil {
		return err
	}
	if bytes.Equal(now.Move, move[:]) { // an earlier attempt has happened
		return nil
	}
	vals, err := tx.GetAll(ctx, fenceKey(c.node), fenceKey(to.Node), dueTimeKeyOf(c.actor))
	if err != nil {
		return err
	}
	var own, other Fence
	if err := decodeAll(field{fenceKey(c.node), vals[0], &own}, field{fenceKey(to.Node), vals[1], &other}); err != nil {
		return err
	}
	switch {
	case !c.is(now) || seq != c.seq:
		return errLost(c.actor)
	case own.Incarnation != c.incarnation: // R8
		return errFenced(c.node)
	case other.Incarnation != to.Incarnation:
		return api.Errorf(api.CodeFailedPrecondition, "node %s has left or restarted; actor %s stays where it is",
			to.Node, c.actor)
	}
	tx.Set(claimKey(c.actor), encodeRecord(&claimRecord{
		Node: to.Node, Incarnation: to.Incarnation, Token: c.token + 1, Since: c.registry.env.Now().Round(0),
		Move: move[:],
	}))
	if c.trial.Marked() {
		tx.Clear(trialKey(c.node, c.incarnation, c.actor))
	}
	due, by := dueTime(vals[2]), to.Incarnation
	if due == DueAtOnce { // the target may never learn that the actor is its own
		by = Incarnation{}
	}
	attend(tx, c.actor, due, by)
	return nil
}

// Arrived is what a source has sent along with an actor.
type Arrived struct {
	Move  api.MoveID
	Seq   Seq
	State []Entry
}

// Install makes a claim of one that was handed over to the member, whose state has arrived with it: that is used if
// it is of the actor's last commit, else the store is read, as Acquire does. Nothing is written. It is for the first
// activation under that claim alone, as writes of an earlier one may still land (R3): for each move Install is called
// at most once, and not after Acquire.
//
// Acquired has neither claim nor owner if the claim is not one that this move has handed over.
func (r *Registry) Install(ctx context.Context, m *Member, actor api.ActorID, a Arrived, begin, end []byte) (
	Acquired, error) {
	node, inc := m.lease()
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (Acquired, error) {
		version, err := tx.ReadVersion(ctx)
		if err != nil {
			return Acquired{}, err
		}
		vals, err := tx.Snapshot().GetAll(ctx, claimKey(actor), seqKey(actor), fenceKey(node), dueTimeKeyOf(actor))
		if err != nil {
			return Acquired{}, err
		}
		var now claimRecord
		var own Fence
		c := &Claim{registry: r, actor: actor, node: node, incarnation: inc, floor: m.Meta.Commits, held: version}
		if err := decodeAll(field{claimKey(actor), vals[0], &now}, field{seqKey(actor), vals[1], &c.seq},
			field{fenceKey(node), vals[2], &own}); err != nil {
			return Acquired{}, err
		}
		if own.Incarnation != inc {
			return Acquired{}, errFenced(node)
		}
		if now.Node != node || now.Incarnation != inc || !bytes.Equal(now.Move, a.Move[:]) {
			return Acquired{}, nil
		}
		c.token, c.revocations = now.Token, own.Revocations
		got := Acquired{Claim: c, State: a.State, Attended: dueTime(vals[3]) != DueAtOnce}
		if c.Seq() != a.Seq {
			got.State, err = c.readPart(ctx, tx.Snapshot(), begin, end)
		}
		return acquired(got, err)
	})
}

func errHandOverInDoubt(actor api.ActorID, cause error) *api.Error {
	return api.Errorf(api.CodeUnknown, "actor %s: the outcome of its handover is unknown: %w", actor,
		cause)
}

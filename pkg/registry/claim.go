// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Claim is the right to commit an actor's state and to answer for it. Only Acquire makes one. It
// belongs to one activation, and is used by one task at a time.
type Claim struct {
	registry    *Registry
	actor       api.ActorID
	node        string
	incarnation Incarnation
	token       uint64
	// revocations is the owner's fence as this claim has taken account of it. (R6)
	revocations uint64
	seq         seqRecord
	// floor is the number that all commits exceed, as of Meta.
	floor uint64
	// held is the newest version at which the claim is known to have been held.
	held kv.Version
	// trial is that of a suspect, nil for most.
	trial *Trial
}

// Token returns the fencing token.
func (c *Claim) Token() uint64 { return c.token }

// Version returns the newest version of the store at which the claim is known to have been held.
func (c *Claim) Version() uint64 { return uint64(c.held) }

// NextCommit returns the number of the claim's next commit. An actor's numbers grow, whichever node owns it.
func (c *Claim) NextCommit() uint64 { return max(c.seq.N, c.floor) + 1 }

// Incarnation returns the incarnation of the owner under which the claim was taken.
func (c *Claim) Incarnation() Incarnation { return c.incarnation }

// Owner says who owns an actor.
type Owner struct {
	Node        string // "" for nobody
	Incarnation Incarnation
	Token       uint64
	Since       time.Time
	// Current is whether the owner still has the lease under which it took the claim.
	Current bool
	// left is the incarnation in which the node has last left in good order.
	left Incarnation
}

// Acquired is the outcome of Acquire: a claim, or the current owner.
type Acquired struct {
	Claim *Claim
	// State is the actor's state as of the claim.
	State []Entry
	// Unreadable is why State is not, if there is more than can be read: of CodeCorruptState.
	Unreadable error
	// Owner is who has the actor, if Claim is nil.
	Owner Owner
	// From is the node whose claim was no longer good, "" if nobody held one.
	From string
	// Attended is whether the actor's entry in the list of what is due, if it has one, names the member.
	Attended bool
	// Quarantine is why nobody may have the actor; Claim is nil then. Found says that this Acquire has found that out.
	Quarantine *Quarantine
	Found      bool
}

// Acquire claims an actor for the member unless another node holds it under a valid lease, and reads the part of the
// actor's state whose keys lie in [begin, end), in the same transaction. The member must have no activation of the
// actor: it rewrites a claim of its own, because writes of an earlier activation may still land (R3). The member
// attends
// to what the actor has to do from then on. It blocks until ctx ends. After an error the claim may be the member's
// all the same, or may become it. It fails with CodeFenced if the member has lost its lease.
func (r *Registry) Acquire(ctx context.Context, m *Member, actor api.ActorID, begin, end []byte) (Acquired, error) {
	return r.AcquireFor(ctx, m, actor, Attempt{}, begin, end)
}

// AcquireFor is Acquire for something that is to run then: what matters of an actor whose last owner has failed.
func (r *Registry) AcquireFor(ctx context.Context, m *Member, actor api.ActorID, a Attempt, begin, end []byte) (
	Acquired, error) {
	var tx kv.Tx
	got, err := transact(ctx, r, kv.TxOptions{Reserved: true}, func(ctx context.Context, t kv.Tx) (Acquired, error) {
		tx = t
		return r.acquire(ctx, t, m, actor, a, begin, end)
	})
	if err != nil || got.Claim == nil {
		return got, err
	}
	got.Claim.held = tx.CommittedVersion()
	return got, nil
}

// acquired is the outcome of a claim whose actor's state was read, or was too much for that.
func acquired(got Acquired, err error) (Acquired, error) {
	if api.CodeOf(err) == api.CodeCorruptState {
		got.State, got.Unreadable, err = nil, err, nil
	}
	return got, err
}

func (r *Registry) acquire(ctx context.Context, t kv.Tx, m *Member, actor api.ActorID, a Attempt, begin, end []byte) (
	Acquired, error) {
	node, inc := m.lease()
	// R1 and R8: claim, seq and the own fence are all read with conflict. Without R8 the entry of what is due
	// could name an incarnation that has ended already: nobody would be told of that again.
	vals, err := t.GetAll(ctx, claimKey(actor), seqKey(actor), fenceKey(node), quarantineKey(actor),
		dueTimeKeyOf(actor))
	if err != nil {
		return Acquired{}, err
	}
	var old claimRecord
	c := &Claim{registry: r, actor: actor, node: node, incarnation: inc, floor: m.Meta.Commits}
	var own Fence
	q := &Quarantine{Actor: actor}
	err = decodeAll(field{claimKey(actor), vals[0], &old}, field{seqKey(actor), vals[1], &c.seq},
		field{fenceKey(node), vals[2], &own}, field{quarantineKey(actor), vals[3], q})
	if err != nil {
		return Acquired{}, err
	}
	if own.Incarnation != inc {
		return Acquired{}, errFenced(node)
	}
	var from string
	left := own.Left
	if old.Node != "" && old.Node != node {
		owner, err := readOwner(ctx, t, old)
		if err != nil || owner.Current {
			return Acquired{Owner: owner}, err
		}
		from, left = old.Node, owner.left
	}
	if q.Holds(m.Node.Version) {
		return Acquired{Quarantine: q}, nil
	}
	c.token, c.revocations = max(old.Token, m.Meta.Tokens)+1, own.Revocations
	refused, found, err := c.try(ctx, t, old, left, q, m.Node.Version, a)
	if err != nil || refused {
		return Acquired{Quarantine: q, Found: found}, err
	}
	t.Set(claimKey(actor),
		encodeRecord(
			&claimRecord{Node: node, Incarnation: inc, Token: c.token, Since: r.env.Now().Round(0),
				Suspect: c.trial != nil}))
	state, err := c.readPart(ctx, t.Snapshot(), begin, end)
	attend(t, actor, dueTime(vals[4]), inc)
	return acquired(Acquired{Claim: c, State: state, From: from, Attended: true}, err)
}

// Owner returns who owns an actor.
func (r *Registry) Owner(ctx context.Context, actor api.ActorID) (Owner, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (Owner, error) {
		var c claimRecord
		if err := read(ctx, tx.Snapshot(), claimKey(actor), &c); err != nil {
			return Owner{}, err
		}
		return readOwner(ctx, tx.Snapshot(), c)
	})
}

// Release gives the claim up, keeping its token, if it is still held: nobody attends to what the actor has to do from
// then on, and the members are told. The activation must have ended, with nothing of it in doubt.
func (c *Claim) Release(ctx context.Context) error {
	opt := kv.TxOptions{Reserved: true}
	_, err := transact(ctx, c.registry, opt, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		now, due, err := readClaimAndDue(ctx, tx, c.actor)
		if err == nil && c.is(now) {
			tx.Set(claimKey(c.actor), encodeRecord(&claimRecord{Token: c.token}))
			attend(tx, c.actor, due, Incarnation{})
			if c.trial.Marked() {
				tx.Clear(trialKey(c.node, c.incarnation, c.actor))
			}
		}
		return struct{}{}, err
	})
	return err
}

// Broken is the outcome of BreakClaim.
type Broken struct {
	Node  string // who held the claim, "" for nobody
	Token uint64 // the claim's token now
}

// BreakClaim takes an actor away from its owner. The former owner finds out at its next commit or barrier.
// What the actor has to do is attended by nobody from then on, and the members are told.
func (r *Registry) BreakClaim(ctx context.Context, actor api.ActorID) (Broken, error) {
	return transact(ctx, r, kv.TxOptions{Reserved: true}, func(ctx context.Context, tx kv.Tx) (Broken, error) {
		now, due, err := readClaimAndDue(ctx, tx, actor)
		if err != nil || now.Node == "" {
			return Broken{Token: now.Token}, err
		}
		var fence Fence
		if err := read(ctx, tx, fenceKey(now.Node), &fence); err != nil {
			return Broken{}, err
		}
		if fence.Incarnation == now.Incarnation { // R2
			fence.Revocations++
			tx.Set(fenceKey(now.Node), encodeRecord(&fence))
		}
		tx.Set(claimKey(actor), encodeRecord(&claimRecord{Token: now.Token + 1}))
		attend(tx, actor, due, Incarnation{})
		return Broken{Node: now.Node, Token: now.Token + 1}, nil
	})
}

// Renew takes a proof as one that the claim was held at its version, if it is: the
// fence shows the claim's own incarnation and revocations, so nobody has taken it. Else it does nothing.
func (c *Claim) Renew(p Proof) {
	if p.version > c.held && p.incarnation == c.incarnation && p.revocations == c.revocations {
		c.held = p.version
	}
}

// Check returns nil if the claim was held at the version of the proof, reading it if the fence leaves that open.
// Otherwise it returns an error of CodeFenced or CodeMoved, and the activation is to be dropped.
func (c *Claim) Check(ctx context.Context, p Proof) error {
	if p.incarnation != c.incarnation { // R6: compared with the claim's own, not with what the node remembers
		return errFenced(c.node)
	}
	if p.revocations == c.revocations {
		c.Renew(p)
		return nil
	}
	return c.refresh(ctx)
}

// reread reads the fence and the claim at one fresh version.
func (c *Claim) reread(ctx context.Context) (Proof, claimRecord, error) {
	type result struct {
		proof Proof
		claim claimRecord
	}
	res, err := run(ctx, c.registry, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (res result, err error) {
		if res.proof, err = readProof(ctx, tx, tx.Snapshot(), c.node); err != nil {
			return res, err
		}
		err = read(ctx, tx.Snapshot(), claimKey(c.actor), &res.claim)
		return res, err
	})
	return res.proof, res.claim, err
}

// is reports whether the record is this claim.
func (c *Claim) is(r claimRecord) bool {
	return r.Node == c.node && r.Incarnation == c.incarnation && r.Token == c.token
}

// readClaim reads claim and seq with conflict, as everyone who writes a claim must (R1).
func readClaim(ctx context.Context, tx kv.Reader, actor api.ActorID) (c claimRecord, s seqRecord, err error) {
	vals, err := tx.GetAll(ctx, claimKey(actor), seqKey(actor))
	if err != nil {
		return c, s, err
	}
	err = decodeAll(field{claimKey(actor), vals[0], &c}, field{seqKey(actor), vals[1], &s})
	return c, s, err
}

// readClaimAndDue is readClaim with the time of the actor's entry in the list of what is due, 0 for none.
func readClaimAndDue(ctx context.Context, tx kv.Reader, actor api.ActorID) (c claimRecord, due int64, err error) {
	vals, err := tx.GetAll(ctx, claimKey(actor), seqKey(actor), dueTimeKeyOf(actor)) // R1
	if err != nil {
		return c, 0, err
	}
	return c, dueTime(vals[2]), decodeRecord(claimKey(actor), vals[0], &c)
}

// readOwner compares a claim with its owner's fence, read after it through r.
func readOwner(ctx context.Context, r kv.Reader, c claimRecord) (Owner, error) {
	o := Owner{Node: c.Node, Incarnation: c.Incarnation, Token: c.Token, Since: c.Since}
	if c.Node == "" {
		return o, nil
	}
	var f Fence
	if err := read(ctx, r, fenceKey(c.Node), &f); err != nil {
		return o, err
	}
	o.Current, o.left = f.Incarnation == c.Incarnation, f.Left
	return o, nil
}

type field struct {
	key, value []byte
	into       any
}

func decodeAll(fields ...field) error {
	for _, f := range fields {
		if err := decodeRecord(f.key, f.value, f.into); err != nil {
			return err
		}
	}
	return nil
}

func errFenced(node string) error {
	return api.Errorf(api.CodeFenced, "node %s has lost its lease", node)
}

func errLost(actor api.ActorID) *api.Error {
	return api.Errorf(api.CodeMoved, "actor %s was taken by another node", actor)
}

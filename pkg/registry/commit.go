// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Write is one change of an actor's state. Key is a tuple, relative to the actor.
type Write struct {
	Key []byte
	// Value is what Key gets; nil clears it.
	Value []byte
	// End, if not nil, clears the half-open range from Key to End; Value is nil then.
	End []byte
	// elsewhere is a key that is not relative to the actor: only this package makes those.
	elsewhere bool
	// leased writes are only made while the owner's lease is its own.
	leased bool
}

// Commit makes the writes durable if the claim is still held, and returns when that is
// known. It is the one place where state is written. ctx should be the node's, not a
// caller's: ended, it leaves the outcome in doubt.
//
//   - nil: committed.
//   - CodeMoved: not committed, never will be, and the claim is no longer usable: drop
//     the activation; its calls may run elsewhere.
//   - kv.IsTooLarge: not committed; the claim is as before.
//   - CodeUnknown: in doubt. Drop the activation; its calls may have happened.
//   - any other, as of Contact.Enter, or that the store's disk is almost full: nothing has happened, and the claim is
//     as before.
func (c *Claim) Commit(ctx context.Context, writes []Write) error {
	if !c.trial.Marked() {
		return c.commit(ctx, writes)
	}
	err := c.commit(ctx, slices.Concat(writes, c.endTrial()))
	if err == nil {
		c.trial.committed()
	}
	return err
}

func (c *Claim) commit(ctx context.Context, writes []Write) error {
	ctx, leave, err := c.registry.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	next := seqRecord{N: c.NextCommit(), Batch: c.registry.random.Bytes16()}
	version, unknown := c.held, false
	for {
		committed, err := c.attempt(ctx, version, next, writes)
		c.registry.heard(ctx, err)
		if err == nil {
			c.seq, c.held = next, committed
			return nil
		}
		if kv.IsTooLarge(err) {
			return err
		}
		if errors.Is(err, kv.ErrFull) && !unknown {
			return errFull(err)
		}
		unknown = unknown || !kv.NeverCommitted(err)
		// R4 and R5: what became of it is read before anything is tried again. Of two
		// attempts at most one can commit: both read seq with conflict and write it.
		now, err := c.settle(ctx)
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			ended := errInDoubt(c.actor)
			if !unknown {
				ended = errLost(c.actor)
			}
			ended.Cause = err
			return ended
		}
		unclaimed := c.is(now.claim) // nobody has claimed the actor since
		held := unclaimed && now.fence.Incarnation == c.incarnation
		switch {
		case now.seq == next:
			c.seq = next
			if held {
				c.held = now.version
			}
			return nil
		case held && now.seq == c.seq:
			version = now.version
		case unknown && (unclaimed || now.seq.N > next.N):
			return errInDoubt(c.actor) // it may still land, or was the one before the newest
		default:
			return errLost(c.actor)
		}
	}
}

// attempt sends the writes once, at a version at which the claim was held.
func (c *Claim) attempt(ctx context.Context, version kv.Version, next seqRecord, writes []Write) (kv.Version, error) {
	tx := c.registry.store.Begin(kv.TxOptions{Reserved: frees(writes)})
	defer tx.Cancel()
	tx.SetReadVersion(version)
	claim, seq := claimKey(c.actor), seqKey(c.actor)
	for _, key := range [][]byte{claim, seq} {
		if err := tx.AddReadConflictRange(key, kv.KeyAfter(key)); err != nil {
			return 0, err
		}
	}
	if slices.ContainsFunc(writes, func(w Write) bool { return w.leased }) {
		if err := c.readLease(ctx, tx); err != nil {
			return 0, err
		}
	}
	base := statePrefix(c.actor)
	for _, w := range writes {
		key, end := w.Key, w.End
		if !w.elsewhere {
			if key = join(base, key); end != nil {
				end = join(base, end)
			}
		}
		switch {
		case end != nil:
			tx.ClearRange(key, end)
		case w.Value == nil:
			tx.Clear(key)
		default:
			tx.Set(key, w.Value)
		}
	}
	tx.Set(seq, encodeRecord(&next)) // R1
	if err := tx.Commit(ctx); err != nil {
		return 0, err
	}
	return tx.CommittedVersion(), nil
}

// freeingBytesMax is how much a commit may set that frees space.
const freeingBytesMax = 4096

// frees reports whether writes delete whole ranges, as of an actor that is destroyed, and set little.
func frees(writes []Write) bool {
	ranges, sets := false, 0
	for _, w := range writes {
		ranges = ranges || w.End != nil
		sets += len(w.Value)
	}
	return ranges && sets <= freeingBytesMax
}

// readLease has a transaction fail if the owner has lost its lease. Unlike the claim that may have happened before
// the version at which the transaction reads: a node that has been fenced goes on to commit until the claim is
// rewritten. Errors say that the transaction has not happened.
func (c *Claim) readLease(ctx context.Context, tx kv.Tx) error {
	var fence Fence
	if err := read(ctx, tx, fenceKey(c.node), &fence); err != nil || fence.Incarnation != c.incarnation {
		return kv.ErrConflict // whatever it is: claim, seq and fence are read before the next attempt
	}
	return nil
}

type settled struct {
	version kv.Version
	claim   claimRecord
	seq     seqRecord
	fence   Fence // the owner's
}

// settle reads claim, seq and the owner's fence at a fresh version, trying until ctx ends.
func (c *Claim) settle(ctx context.Context) (settled, error) {
	return run(ctx, c.registry, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (s settled, err error) {
		if s.version, err = tx.ReadVersion(ctx); err != nil {
			return s, err
		}
		if s.claim, s.seq, err = readClaim(ctx, tx.Snapshot(), c.actor); err != nil {
			return s, err
		}
		err = read(ctx, tx.Snapshot(), fenceKey(c.node), &s.fence)
		return s, err
	})
}

// Entry is a key of an actor's state, a tuple relative to the actor, with its value.
type Entry struct {
	Key, Value []byte
}

// Get reads one key of the actor's state as of the last commit, nil if it has no value. An error of
// CodeMoved says that the claim is lost.
func (c *Claim) Get(ctx context.Context, key []byte) ([]byte, error) {
	var value []byte
	err := c.readAtHeld(ctx, func(r kv.Reader) (err error) {
		value, err = r.Get(ctx, join(statePrefix(c.actor), key))
		return err
	})
	return value, err
}

// Range reads up to limit pairs of [begin, end) of the actor's state, in order, as of the last commit, and whether
// there may be more. Errors are as Get's.
func (c *Claim) Range(ctx context.Context, begin, end []byte, limit int) ([]Entry, bool, error) {
	base := statePrefix(c.actor)
	var entries []Entry
	var more bool
	err := c.readAtHeld(ctx, func(r kv.Reader) error {
		pairs, m, err := r.Range(ctx, join(base, begin), join(base, end), kv.RangeOptions{Limit: limit})
		entries, more = relative(base, pairs), m
		return err
	})
	return entries, more, err
}

// readAtHeld reads at the version at which the claim is known to be held, a newer one if that has grown too old.
func (c *Claim) readAtHeld(ctx context.Context, f func(r kv.Reader) error) error {
	for {
		_, err := run(ctx, c.registry, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
			tx.SetReadVersion(c.held)
			err := f(tx.Snapshot())
			if errors.Is(err, kv.ErrTooOld) {
				err = errGrownOld // not to be tried again at this version
			}
			return struct{}{}, err
		})
		if !errors.Is(err, errGrownOld) {
			return err
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
	}
}

var errGrownOld = errors.New("the claim's version has left the store's window")

// refresh finds a newer version at which the claim is held.
func (c *Claim) refresh(ctx context.Context) error {
	proof, now, err := c.reread(ctx)
	if err != nil {
		return err
	}
	if proof.incarnation != c.incarnation || !c.is(now) {
		return errLost(c.actor)
	}
	c.revocations = proof.revocations
	c.Renew(proof)
	return nil
}

// readPart reads all of the state whose keys lie in [begin, end), through r.
func (c *Claim) readPart(ctx context.Context, r kv.Reader, begin, end []byte) ([]Entry, error) {
	base := statePrefix(c.actor)
	from, to := join(base, begin), join(base, end)
	var out []Entry
	for size := 0; size < stateReadBytesMax; {
		pairs, more, err := r.Range(ctx, from, to, kv.RangeOptions{BytesMax: statePageBytes})
		if err != nil {
			return nil, err
		}
		out = append(out, relative(base, pairs)...)
		if !more || len(pairs) == 0 {
			return out, nil
		}
		for _, p := range pairs {
			size += len(p.Key) + len(p.Value)
		}
		from = kv.KeyAfter(pairs[len(pairs)-1].Key)
	}
	return nil, api.Errorf(api.CodeCorruptState, "actor %s: its state in the store would exceed %d bytes; delete "+
		"some of it", c.actor,
		stateReadBytesMax)
}

func relative(base []byte, pairs []kv.KeyValue) []Entry {
	entries := make([]Entry, len(pairs))
	for i, p := range pairs {
		entries[i] = Entry{Key: p.Key[len(base):], Value: p.Value}
	}
	return entries
}

func join(base, rest []byte) []byte {
	return append(append(make([]byte, 0, len(base)+len(rest)), base...), rest...)
}

func errInDoubt(actor api.ActorID) *api.Error {
	return api.Errorf(api.CodeUnknown, "actor %s: the commit's outcome is unknown", actor)
}

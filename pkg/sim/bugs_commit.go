// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Bugs in how a state is committed, and in how a claim is written.

// onCommit changes transactions that write a key of a kind.
func onCommit(t *tampered, kind keyKind, change func(t *tamperedTx, c *ryw.Commit) *ryw.Commit) {
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		if t.life != nil && t.writes(c, kind) != nil {
			c = change(t, c)
		}
		return t.send(ctx, c)
	}
}

func unfencedCommit(t *tampered) {
	onCommit(t, keySeq, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit { return t.without(c, every) })
}

func claimUnread(t *tampered) {
	onCommit(t, keyClaim, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit {
		if t.claims(c) == nil {
			return c
		}
		return t.without(c, every)
	})
}

func claimWithoutSeq(t *tampered) {
	onCommit(t, keyClaim, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit {
		return t.without(c, func(r ryw.KeyRange) bool { return t.audit.kind(r.Begin).kind == keySeq })
	})
}

func silentBreak(t *tampered) {
	onCommit(t, keyClaim, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit { return t.withoutWrites(c, keyFence) })
}

func uncheckedRanges(t *tampered) {
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		return t.send(ctx, t.without(c, func(r ryw.KeyRange) bool { return !single(r) }))
	}
}

// onOutcome changes the outcome of the commits of states.
func onOutcome(t *tampered, change func(t *tamperedTx, ctx context.Context, c *ryw.Commit, done ryw.Committed,
	err error) (ryw.Committed, error)) {
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		done, err := t.send(ctx, c)
		if err != nil && t.life != nil && t.writes(c, keySeq) != nil {
			return change(t, ctx, c, done, err)
		}
		return done, err
	}
}

func unknownIsSuccess(t *tampered) {
	onOutcome(t, func(t *tamperedTx, _ context.Context, c *ryw.Commit, done ryw.Committed, err error) (ryw.Committed,
		error) {
		if kv.NeverCommitted(err) {
			return done, err
		}
		t.shown(true)
		return before(c), nil
	})
}

func unknownIsFailure(t *tampered) {
	onOutcome(t, func(t *tamperedTx, _ context.Context, _ *ryw.Commit, done ryw.Committed, err error) (ryw.Committed,
		error) {
		if kv.NeverCommitted(err) {
			return done, err
		}
		t.shown(true)
		return done, kv.ErrTxTooLarge
	})
}

func renewedUnread(t *tampered) {
	onOutcome(t, func(t *tamperedTx, ctx context.Context, c *ryw.Commit, done ryw.Committed, err error) (
		ryw.Committed, error) {
		for errors.Is(err, kv.ErrConflict) || errors.Is(err, kv.ErrTooOld) {
			again := *c
			v, verr := t.caller.ReadVersion(ctx, kv.PriorityDefault)
			if verr != nil {
				return done, err
			}
			t.shown(true)
			again.ReadVersion = v
			done, err = t.send(ctx, &again)
		}
		return done, err
	})
}

// earlyReply answers at once, and commits a little later, in the background.
func earlyReply(t *tampered) {
	random := t.draw.source("bug")
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		if t.life == nil || t.writes(c, keySeq) == nil {
			return t.send(ctx, c)
		}
		t.shown(true)
		late := cloneCommit(c)
		t.env.Go("late commit", func() {
			_ = env.Sleep(t.env, t.ctx, random.Jitter(500*time.Millisecond))
			_, _ = t.send(t.ctx, late) // too late to tell anybody
		})
		return before(c), nil
	}
}

// formerOwnerReleases has a release go by the claim that the process once wrote.
func formerOwnerReleases(t *tampered) {
	written := make(map[api.ActorID][]byte)
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		if m := t.claims(c); m != nil {
			written[t.audit.kind(m.Key).actor] = m.Value
		}
		return t.send(ctx, c)
	}
	t.tx = func(tx kv.Tx) kv.Tx { return releasing{Tx: tx, store: t, written: written} }
}

// releasing is a transaction whose read of claim and seq alone, with conflict, gives the claim that was written: that
// is what a release reads.
type releasing struct {
	kv.Tx
	store   *tampered
	written map[api.ActorID][]byte
}

// GetAll implements kv.Reader.
func (r releasing) GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	at := r.store.audit.lookup(r.store.life, keys)
	if !at.releases() {
		return r.Tx.GetAll(ctx, keys...)
	}
	values, err := r.Snapshot().GetAll(ctx, keys...)
	if mine := r.written[r.store.audit.kind(keys[at.claim]).actor]; err == nil && mine != nil {
		r.store.shown(!bytes.Equal(values[at.claim], mine))
		values[at.claim] = mine
	}
	return values, err
}

// ownClaimAdopted shows an activation's transaction its own claim as one token less, so that the token it would write
// is the one that is there, and does not write it.
func ownClaimAdopted(t *tampered) {
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		at := t.audit.lookup(t.life, keys)
		if !at.activates() {
			return
		}
		claim := decode[claimRecord](values[at.claim])
		if claim.Node == t.life.name && claim.Incarnation == decode[fenceRecord](values[at.ownFence]).Incarnation {
			claim.Token--
			values[at.claim], t.marked = encode(claim), true
		}
	}
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		if t.marked && t.claims(c) != nil {
			t.marked = false
			t.shown(true)
			return before(c), nil
		}
		return t.send(ctx, c)
	}
}

func unreadableIsEmpty(t *tampered) {
	t.pairs = func(t *tamperedTx, begin []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool,
		error) {
		if err != nil && t.audit.kind(begin).kind == keyState {
			t.shown(true)
			return nil, false, nil
		}
		return pairs, more, err
	}
}

// answersForgotten hides the records of answered calls from whoever activates their actor.
func answersForgotten(t *tampered) {
	t.pairs = func(t *tamperedTx, _ []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool, error) {
		if t.life != nil {
			pairs = t.hide(pairs, isRecord)
		}
		return pairs, more, err
	}
}

// floorForgotten hides the floor of the records from whoever activates their actor.
func floorForgotten(t *tampered) {
	t.pairs = func(t *tamperedTx, _ []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool, error) {
		if t.life != nil {
			pairs = t.hide(pairs, isFloor)
		}
		return pairs, more, err
	}
}

// prunedEarly hides every second record from whoever activates their actor.
func prunedEarly(t *tampered) {
	t.pairs = func(t *tamperedTx, _ []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool, error) {
		if t.life == nil {
			return pairs, more, err
		}
		var kept []kv.KeyValue
		for i, p := range pairs {
			if !isRecord(p.Key) || i%2 == 0 {
				kept = append(kept, p)
			}
		}
		t.shown(len(kept) < len(pairs))
		return kept, more, err
	}
}

// ownChance has relays draw their amounts anew each time that they run.
func ownChance(kinds []actor.Kind) []actor.Kind {
	var runs int64
	return replaced(kinds, relays(func(*actor.Context) int64 { runs++; return 1 + runs%50 }))
}

// rollbackIncomplete has counters remember, outside of their states, what calls that failed have added.
func rollbackIncomplete(kinds []actor.Kind) []actor.Kind {
	left := make(map[actor.ID]int64)
	return replaced(kinds, actor.New[counterState]("counter").
		With(actor.WriteFunc("add", func(ctx *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n + left[ctx.Self()]
			left[ctx.Self()] = 0
			return s.N, nil
		})).
		With(actor.WriteFunc("fail", func(ctx *actor.Context, s *counterState, n int64) (int64, error) {
			left[ctx.Self()] += n
			return 0, actor.Errorf("refused", "at %d", s.N)
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		})))
}

// replaced returns the kinds with another in the place of the one of its name.
func replaced(kinds []actor.Kind, by actor.Kind) []actor.Kind {
	out := slices.Clone(kinds)
	i := slices.IndexFunc(out, func(k actor.Kind) bool { return k.Spec().Namespace == by.Spec().Namespace })
	by.Spec().IdleTimeout = out[i].Spec().IdleTimeout
	out[i] = by
	return out
}

func shortListing(t *tampered) {
	t.pairs = func(t *tamperedTx, _ []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool, error) {
		if t.life != nil && more && len(pairs) > 1 && t.audit.kind(pairs[0].Key).kind == keyClaim {
			pairs = slices.Delete(pairs, 1, 2)
			t.shown(true)
		}
		return pairs, more, err
	}
}

func blindScan(t *tampered) {
	t.tx = func(tx kv.Tx) kv.Tx { return blind{tx, t} }
}

// blind is a transaction whose scans go past what it has written.
type blind struct {
	kv.Tx
	store *tampered
}

// Range implements kv.Reader.
func (b blind) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	v, err := b.ReadVersion(ctx)
	if err != nil {
		return nil, false, err
	}
	other := b.store.caller.Begin(kv.TxOptions{})
	other.SetReadVersion(v)
	b.store.shown(true)
	return other.Range(ctx, begin, end, opt)
}

// isRecord reports whether a key is that of the answer to a call.
func isRecord(key []byte) bool {
	t, err := tuple.Unpack(key)
	return err == nil && len(t) >= 6 && t[1] == "state" && t[4] == "r"
}

// isFloor reports whether a key is that of the floor of an actor's records.
func isFloor(key []byte) bool {
	t, err := tuple.Unpack(key)
	return err == nil && len(t) == 5 && t[1] == "state" && t[4] == "r"
}

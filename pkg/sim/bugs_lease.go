// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// Bugs in how a node holds its lease, and in what it takes for proof that it does.

// barrier returns where among the keys of a read the own fence is, if it is the read of a barrier or of a heartbeat:
// the first of its transaction, and of no claim.
func (t *tamperedTx) barrier(keys [][]byte) (fence int, ok bool) {
	at := t.audit.lookup(t.life, keys)
	return at.ownFence, t.reads == 0 && at.ownFence >= 0 && at.claim < 0
}

// activates reports whether a read is that by which an actor is claimed.
func (t *tamperedTx) activates(keys [][]byte) bool { return t.audit.lookup(t.life, keys).activates() }

// onOwnFence changes what a process reads of its own fence, once it has a lease.
func onOwnFence(t *tampered, change func(t *tamperedTx, keys [][]byte, mine, now fenceRecord) fenceRecord) {
	var mine fenceRecord
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		done, err := t.send(ctx, c)
		if m := t.writes(c, keyFence); m != nil && err == nil && t.self(m.Key, keyFence) {
			mine = decode[fenceRecord](m.Value)
		}
		return done, err
	}
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			if t.self(key, keyFence) && mine.Incarnation != (incarnation{}) {
				now := decode[fenceRecord](values[i])
				changed := change(t, keys, mine, now)
				t.shown(changed != now)
				values[i] = encode(changed)
			}
		}
	}
}

func fencedGoesOn(t *tampered) {
	onOwnFence(t, func(_ *tamperedTx, _ [][]byte, mine, now fenceRecord) fenceRecord {
		now.Incarnation = mine.Incarnation
		return now
	})
}

func barrierRemembers(t *tampered) {
	onOwnFence(t, func(t *tamperedTx, keys [][]byte, _, now fenceRecord) fenceRecord {
		if _, barrier := t.barrier(keys); barrier || t.activates(keys) {
			now.Revocations = 0
		}
		return now
	})
}

func ownFenceUnread(t *tampered) {
	onOwnFence(t, func(t *tamperedTx, keys [][]byte, mine, now fenceRecord) fenceRecord {
		if t.activates(keys) {
			now.Incarnation = mine.Incarnation
		}
		return now
	})
	send := t.commit
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		if t.claims(c) != nil {
			c = t.without(c, func(r ryw.KeyRange) bool { return t.self(r.Begin, keyFence) })
		}
		return send(t, ctx, c)
	}
}

// remembered is what the last heartbeat read.
type remembered struct {
	fence   []byte
	version kv.Version
	at      time.Time // by the wall clock
}

func barrierSkipped(t *tampered) {
	var last remembered
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		switch i, barrier := t.barrier(keys); {
		case !barrier:
		case t.priority == kv.PriorityHigh:
			last.fence = values[i]
		case last.fence != nil:
			t.shown(!bytes.Equal(values[i], last.fence))
			values[i] = last.fence
		}
	}
}

// wallClockLease needs no store for a barrier, nor a new version for anything, while the wall clock says that the lease
// of the last heartbeat has not run out.
func wallClockLease(t *tampered) {
	var last remembered
	valid := func() bool { return last.fence != nil && t.env.Now().Before(last.at.Add(t.LeaseTTL)) }
	t.version = func(t *tamperedTx, v kv.Version) kv.Version {
		switch {
		case t.priority == kv.PriorityHigh && v != 0:
			last.version = v
		case t.life != nil && v == 0 && valid():
			t.shown(true)
			return last.version
		}
		return 0
	}
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		switch i, barrier := t.barrier(keys); {
		case !barrier:
		case t.priority == kv.PriorityHigh:
			last.fence, last.at = values[i], t.env.Now()
		case valid():
			values[i] = last.fence
		}
	}
}

// joinedFor is for how long a barrier is shared that should not be any more.
const joinedFor = 100 * time.Millisecond

func barrierJoinedLate(t *tampered) {
	shared := &sharedVersion{env: t.env}
	t.tx = func(tx kv.Tx) kv.Tx { return joining{tx, shared, t} }
}

type sharedVersion struct {
	env     env.Env
	version kv.Version
	until   time.Duration
}

// joining is a transaction that takes the read version of another, where it asks for one before it reads: as a
// barrier does.
type joining struct {
	kv.Tx
	shared *sharedVersion
	store  *tampered
}

// ReadVersion implements kv.Tx.
func (j joining) ReadVersion(ctx context.Context) (kv.Version, error) {
	s := j.shared
	if s.version != 0 && s.env.Monotonic() < s.until {
		j.SetReadVersion(s.version)
		j.store.shown(true)
	}
	v, err := j.Tx.ReadVersion(ctx)
	if err == nil && v != s.version {
		s.version, s.until = v, s.env.Monotonic()+joinedFor
	}
	return v, err
}

func placementTrusted(t *tampered) {
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			if t.life != nil && t.marked && t.audit.kind(key).kind == keyFence {
				f := decode[fenceRecord](values[i])
				t.shown(f.Incarnation != incarnation{})
				f.Incarnation = incarnation{}
				values[i] = encode(f)
			}
		}
		t.marked = t.activates(keys) // which reads the owner's fence next
	}
}

func impatientWatcher(t *tampered) {
	first := make(map[string][]byte)
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			k := t.audit.kind(key)
			if k.kind != keyBeat || t.self(key, keyBeat) || values[i] == nil {
				continue
			}
			old := first[k.node]
			if old == nil || decode[beatRecord](old).Incarnation != decode[beatRecord](values[i]).Incarnation {
				first[k.node] = values[i]
			}
			t.shown(!bytes.Equal(values[i], first[k.node]))
			values[i] = first[k.node]
		}
	}
}

// sameIncarnation makes a process draw the random numbers of its lease as the one before it did.
func sameIncarnation(l *life, m *coro.Machine) env.Env { return &repeating{m, l} }

type repeating struct {
	*coro.Machine
	life *life
}

// Rand implements env.Env.
func (r *repeating) Rand(concern string) *env.Rand {
	if concern != "registry" {
		return r.Machine.Rand(concern)
	}
	r.life.shown(true)
	sum := sha256.Sum256([]byte(r.life.name))
	return env.NewRand(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]))
}

// epochKept leaves the fence as it is when it has the incarnation already.
func epochKept(t *tampered) {
	var seen fenceRecord
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			if t.self(key, keyFence) {
				seen = decode[fenceRecord](values[i])
			}
		}
	}
	onCommit(t, keyFence, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit {
		m := t.writes(c, keyFence)
		if t.self(m.Key, keyFence) && decode[fenceRecord](m.Value).Incarnation == seen.Incarnation {
			return t.withoutWrites(c, keyFence)
		}
		return c
	})
}

// foreignIncarnation takes whatever incarnation is in the fence after an unknown join for the one that was to be
// written.
func foreignIncarnation(t *tampered) {
	var tried, found, alias incarnation
	swap := func(value []byte, from, to incarnation) []byte {
		if alias == (incarnation{}) || value == nil {
			return value
		}
		return bytes.ReplaceAll(value, from[:], to[:])
	}
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			if t.self(key, keyFence) {
				now := decode[fenceRecord](values[i]).Incarnation
				if tried != (incarnation{}) && alias == (incarnation{}) && now != tried && now != found &&
					now != (incarnation{}) {
					alias = now
					t.shown(true)
				}
				if tried == (incarnation{}) {
					found = now
				}
			}
			values[i] = swap(values[i], alias, tried)
		}
	}
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		out := cloneCommit(c)
		for i := range out.Mutations {
			out.Mutations[i].Value = swap(out.Mutations[i].Value, tried, alias)
		}
		done, err := t.send(ctx, out)
		if m := t.writes(c, keyFence); m != nil && t.self(m.Key, keyFence) && alias == (incarnation{}) {
			tried = incarnation{}
			if err != nil && !kv.NeverCommitted(err) {
				tried = decode[fenceRecord](m.Value).Incarnation
			}
		}
		return done, err
	}
}

// rejoinRegardless shows a process that has lost its lease its own incarnation as the one that has its name.
func rejoinRegardless(t *tampered) {
	var mine incarnation
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		done, err := t.send(ctx, c)
		if m := t.writes(c, keyFence); m != nil && err == nil && t.self(m.Key, keyFence) {
			mine = decode[fenceRecord](m.Value).Incarnation
		}
		return done, err
	}
	t.keys = func(t *tamperedTx, keys, values [][]byte) {
		for i, key := range keys {
			if t.self(key, keyNode) && mine != (incarnation{}) && values[i] != nil {
				other := decode[nodeRecord](values[i]).Incarnation
				t.shown(other != mine)
				values[i] = bytes.ReplaceAll(values[i], other[:], mine[:])
			}
		}
	}
}

// evictedWaiting makes nodes that take idle actors out of service, and then do not get round to it: the calls that
// come for such an actor meanwhile wait with it.
func evictedWaiting(l *life, m *coro.Machine) env.Env { return &evicting{m, l} }

type evicting struct {
	*coro.Machine
	life *life
}

// Go implements env.Env.
func (e *evicting) Go(name string, f func()) {
	if name == "release" || name == "evict" {
		e.life.shown(true)
		return
	}
	e.Machine.Go(name, f)
}

// missedStop makes parkers that lose a permit which comes before anybody waits, once in a few hundred times.
func missedStop(l *life, m *coro.Machine) env.Env {
	return &forgetful{Machine: m, life: l, random: m.Rand("bug")}
}

type forgetful struct {
	*coro.Machine
	life   *life
	random *env.Rand
}

// NewParker implements env.Env.
func (f *forgetful) NewParker() env.Parker {
	return &forgetfulParker{Parker: f.Machine.NewParker(), life: f.life, random: f.random}
}

type forgetfulParker struct {
	env.Parker
	life   *life
	random *env.Rand
	parked bool
}

// Park implements env.Parker.
func (p *forgetfulParker) Park(ctx context.Context) error {
	p.parked = true
	defer func() { p.parked = false }()
	return p.Parker.Park(ctx)
}

// Unpark implements env.Parker.
func (p *forgetfulParker) Unpark() {
	if p.parked || p.random.IntN(300) > 0 {
		p.Parker.Unpark()
		return
	}
	p.life.shown(true)
}

// unprovedBatch declares that every read may be stale: then no batch without writes is proved.
func unprovedBatch(kinds []actor.Kind) []actor.Kind {
	for _, k := range kinds {
		k.Spec().Consistency = actor.Stale
	}
	return kinds
}

// unprovedSession has visits of sessions answered as if they were stale reads.
func unprovedSession(kinds []actor.Kind) []actor.Kind {
	serial := 0
	return replaced(kinds, actor.New[sitting]("session").Volatile().WithConsistency(actor.Stale).
		With(actor.ReadFunc("visit", func(_ *actor.Context, s *sitting, name string) (sitting, error) {
			if s.Born == "" {
				serial++
				s.Born = sprintf("%s/%d", name, serial)
			}
			s.N++ // stays in memory, as nothing undoes it
			return *s, nil
		})).
		With(actor.ReadFunc("look", func(_ *actor.Context, s *sitting, _ struct{}) (sitting, error) {
			return *s, nil
		})))
}

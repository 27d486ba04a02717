// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// storage is the store's process: the embedded store on memory, with the weather around it.
type storage struct {
	*world
	engine  occ.Engine
	machine *coro.Machine
	occ     *occ.Store // nil while it is down
	pending []*commit  // sent, not answered
	audit   *audit
	random  *env.Rand
	healed  *env.Event // set, and replaced, when something about reaching it changes for the better

	ops      int            // of nodes
	inside   int            // commits that are being decided
	closing  bool           // no more are
	blocked  map[waysOf]int // by how many faults at once
	outUntil time.Duration  // until when nothing is answered
	stalled  time.Duration  // until when commits wait
}

// way is one of the two between a machine and the store.
type way uint8

const (
	toStore way = iota
	fromStore
)

// waysOf is one way of a machine.
type waysOf struct {
	way     way
	machine string
}

func newStorage(w *world) (*storage, error) {
	s := &storage{
		world: w, engine: occ.NewMemory(), audit: newAudit(w), random: w.draw.source("store"),
		healed: env.NewEvent(w.env), blocked: make(map[waysOf]int),
	}
	return s, s.open()
}

func (s *storage) open() (err error) {
	s.machine = s.sched.Machine(storeHost)
	s.occ, err = occ.Open(s.machine, s.engine, occ.Options{Gather: s.Gather, Window: s.Window})
	return err
}

// crash ends the store's process. What was acknowledged is in the engine; versions jump when it is opened again.
func (s *storage) crash() {
	s.closing = true
	for s.inside > 0 { // so that it is known what has happened; the callers don't know
		_ = env.Sleep(s.env, s.ctx, time.Millisecond)
	}
	s.closing, s.occ = false, nil
	for _, c := range slices.Clone(s.pending) {
		c.answer.Complete(ryw.Committed{}, kv.ErrCommitUnknown)
	}
	s.pending = nil
	s.machine.Kill()
}

// replace puts an empty store in the place of this one, of which nothing is left.
func (s *storage) replace() error {
	s.crash()
	s.audit.run()
	past := s.audit.owners.pastOf()
	s.engine, s.audit = occ.NewMemory(), newAudit(s.world)
	s.audit.owners.past = past
	return s.open()
}

// disconnect forgets what a process waits for.
func (s *storage) disconnect(l *life) {
	s.pending = slices.DeleteFunc(s.pending, func(c *commit) bool { return c.from.life == l })
}

// changed wakes those who could not reach the store, to try again.
func (s *storage) changed() {
	s.healed.Set()
	s.healed = env.NewEvent(s.env)
}

// of returns the store as a process sees it.
func (s *storage) of(l *life) kv.Store {
	return s.seenFrom(&caller{storage: s, life: l, machine: l.machine, env: l.env})
}

// seenFrom returns the store as a caller uses it: with the run's bug between, if it is one of those.
func (s *storage) seenFrom(c *caller) kv.Store {
	if s.bug == nil || s.bug.store == nil {
		return c
	}
	t := &tampered{caller: c}
	s.bug.store(t)
	return t
}

// caller is one process's way to the store. It implements kv.Store and ryw.Backend.
type caller struct {
	*storage
	life    *life // nil for a client that works on the store itself
	machine *coro.Machine
	env     env.Env
}

// commit is a transaction on its way.
type commit struct {
	from   *caller
	answer *env.Future[ryw.Committed]
}

var (
	_ kv.Store    = (*caller)(nil)
	_ ryw.Backend = (*caller)(nil)
)

var errCut = errors.New("no way to the store")

// patience is how long an operation tries to reach the store.
const patience = time.Second

// Begin implements kv.Store.
func (c *caller) Begin(o kv.TxOptions) kv.Tx { return ryw.New(c, o) }

// Close implements kv.Store.
func (c *caller) Close() error { return nil }

// ReadVersion implements ryw.Backend.
func (c *caller) ReadVersion(ctx context.Context, p kv.Priority) (kv.Version, error) {
	var v kv.Version
	err := c.visit(ctx, func(s *occ.Store) (err error) {
		v, err = s.ReadVersion(ctx, p)
		return err
	})
	return v, err
}

// GetAll implements ryw.Backend.
func (c *caller) GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	var values [][]byte
	err := c.visit(ctx, func(s *occ.Store) (err error) {
		values, err = s.GetAll(ctx, v, keys)
		if err == nil {
			c.audit.sawKeys(c, v, keys, values)
		}
		return err
	})
	return values, err
}

// Range implements ryw.Backend.
func (c *caller) Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) (pairs []kv.KeyValue,
	more bool, err error) {
	err = c.visit(ctx, func(s *occ.Store) (err error) {
		pairs, more, err = s.Range(ctx, v, begin, end, opt)
		if err == nil {
			c.audit.sawRange(c, v, begin, end, opt, pairs, more)
		}
		return err
	})
	return pairs, more, err
}

// Watch implements ryw.Backend.
func (c *caller) Watch(ctx context.Context, key, value []byte, version kv.Version) (w kv.Watch, err error) {
	err = c.visit(ctx, func(s *occ.Store) (err error) {
		w, err = s.Watch(ctx, key, value, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.faultyWatch(w), nil
}

// visit makes the way to the store and back, and does there what is to be done.
func (c *caller) visit(ctx context.Context, f func(*occ.Store) error) error {
	c.count()
	there, back := c.storeDelays()
	if err := c.reach(ctx, toStore, there); err != nil {
		return err
	}
	if c.chance(ctx, "unavailable") {
		c.harm()
		return kv.ErrUnavailable.With(errCut)
	}
	if c.chance(ctx, "too-old") {
		c.harm()
		return kv.ErrTooOld
	}
	if err := f(c.occ); err != nil {
		return err
	}
	return c.reach(ctx, fromStore, back)
}

// reach passes the time of a way, and waits while there is none, as long as patience lasts.
func (c *caller) reach(ctx context.Context, way way, d time.Duration) error {
	if d > 0 {
		if err := env.Sleep(c.env, ctx, d); err != nil {
			return err
		}
	}
	if c.reachable(way) {
		return nil
	}
	limited, cancel := env.WithTimeout(c.env, ctx, patience)
	defer cancel()
	for !c.reachable(way) {
		c.harm()
		if err := c.healed.Wait(limited); err != nil {
			c.harm()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return kv.ErrUnavailable.With(errCut)
		}
	}
	return nil
}

func (c *caller) count() {
	if c.life != nil {
		c.storage.ops++
	}
}

func (c *caller) reachable(way way) bool {
	return c.occ != nil && c.blocked[waysOf{way, c.machine.Name()}] == 0 && c.now() >= c.outUntil &&
		!(c.life != nil && c.life.ended)
}

// harm notes that the store failed the process.
func (c *caller) harm() {
	if c.life != nil {
		c.life.harm()
	}
}

// chance says whether a fault of single operations befalls this one.
func (c *caller) chance(ctx context.Context, fault string) bool {
	if !c.on(fault) || c.calm || ctx.Err() != nil || c.random.IntN(1000) >= c.Rate {
		return false
	}
	c.counts[fault]++
	return true
}

// storeDelays draws how long it takes to the store and back.
func (c *caller) storeDelays() (there, back time.Duration) {
	d := c.weather.delay(c.random, c.StoreDelay, c.machine.Name(), storeHost)
	if d > c.Heartbeat/4 {
		c.harm()
	}
	switch c.random.IntN(3) {
	case 0:
		return d, 0
	case 1:
		return 0, d
	}
	return d / 2, d / 2
}

// Commit implements ryw.Backend. The store goes on with a commit whose caller has gone.
func (c *caller) Commit(ctx context.Context, tx *ryw.Commit) (ryw.Committed, error) {
	c.count()
	c.spring(tx, "before")
	if err := c.reach(ctx, toStore, 0); err != nil {
		return ryw.Committed{}, err
	}
	if c.chance(ctx, "conflict") {
		c.harm()
		return ryw.Committed{}, kv.ErrConflict
	}
	if tx.ReadVersion != 0 && c.chance(ctx, "too-old") {
		c.harm()
		return ryw.Committed{}, kv.ErrTooOld
	}
	sent := &commit{from: c, answer: env.NewFuture[ryw.Committed](c.env)}
	c.pending = append(c.pending, sent)
	fate := c.commitFate(ctx)
	there, back := c.storeDelays()
	copied := cloneCommit(tx)
	c.storage.machine.Go("commit", func() { c.carry(sent, copied, there, back, fate) })
	c.spring(tx, "during")
	done, err := sent.answer.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		c.harm()
	}
	return done, err
}

// fate is what becomes of a commit.
type fate struct {
	late    time.Duration // how much later than its caller hears of it
	unknown bool          // its caller does not hear what became of it
	lost    bool          // it never happens
}

// commitFate draws one.
func (c *caller) commitFate(ctx context.Context) (f fate) {
	if c.calm {
		return f
	}
	if wait := c.stalled - c.now(); wait > 0 {
		f.late = wait
		c.harm()
	}
	if c.chance(ctx, "slow-commit") {
		f.late += time.Duration(c.random.Int64N(int64(2 * time.Second)))
		c.harm()
	}
	switch {
	case c.chance(ctx, "unknown-lost"):
		f.unknown, f.lost = true, true
	case c.chance(ctx, "unknown-done"):
		f.unknown = true
	case c.chance(ctx, "unknown-late"):
		f.unknown = true
		f.late += time.Duration(1 + c.random.Int64N(int64(4*time.Second)))
		c.harm()
	}
	if f.unknown {
		c.harm()
	}
	return f
}

// carry takes a commit to the store and its outcome back. It runs on the store's machine.
func (c *caller) carry(sent *commit, tx *ryw.Commit, there, back time.Duration, f fate) {
	_ = env.Sleep(c.storage.machine, c.ctx, there) // only the end of the machine ends it
	if f.lost {
		c.reply(sent, ryw.Committed{}, kv.ErrCommitUnknown)
		return
	}
	if f.unknown && f.late > 0 {
		c.reply(sent, ryw.Committed{}, kv.ErrCommitUnknown)
	}
	if f.late > 0 {
		_ = env.Sleep(c.storage.machine, c.ctx, f.late)
	}
	if c.closing {
		return // and the answer with it
	}
	c.inside++
	done, err := c.occ.Commit(c.ctx, tx)
	c.inside--
	c.audit.decided(c, tx, done, err)
	if err == nil {
		c.spring(tx, "after")
		f.unknown = c.withhold(tx) || f.unknown
	}
	_ = env.Sleep(c.storage.machine, c.ctx, back)
	if f.unknown {
		err = kv.ErrCommitUnknown
	}
	if c.blocked[waysOf{fromStore, c.machine.Name()}] > 0 && !c.calm { // the answer does not get through
		c.harm()
		_ = env.Sleep(c.storage.machine, c.ctx, patience)
		if !kv.NeverCommitted(err) {
			err = kv.ErrCommitUnknown
		}
	}
	if err != nil {
		done = ryw.Committed{}
	}
	c.reply(sent, done, err)
}

func (c *caller) reply(sent *commit, done ryw.Committed, err error) {
	c.pending = slices.DeleteFunc(c.pending, func(other *commit) bool { return other == sent })
	if c.life == nil || !c.life.ended {
		sent.answer.Complete(done, err)
	}
}

// spring ends the process if a trap waits for this moment of a transaction that decides something.
func (c *caller) spring(tx *ryw.Commit, moment string) {
	if c.life == nil || c.life.trap == "" || !decides(tx) {
		return
	}
	if c.life.trap != moment && !(c.life.trap == "moving" && moment == "after" && handsOver(tx)) {
		return
	}
	c.life.trap = ""
	c.counts["crash-commit"]++
	c.kill(c.life, moment+" a commit")
}

// decides reports whether a transaction writes a claim or a state.
func decides(tx *ryw.Commit) bool {
	for _, m := range tx.Mutations {
		if k := describeKey(m.Key).kind; k == keyClaim || k == keySeq {
			return true
		}
	}
	return false
}

// handsOver reports whether a transaction hands an actor over to another node.
func handsOver(tx *ryw.Commit) bool {
	for _, m := range tx.Mutations {
		if m.Kind == ryw.MutationSet && describeKey(m.Key).kind == keyClaim && decode[claimRecord](m.Value).Move != "" {
			return true
		}
	}
	return false
}

func cloneCommit(tx *ryw.Commit) *ryw.Commit {
	out := *tx
	out.ReadConflicts = slices.Clone(tx.ReadConflicts)
	out.WriteConflicts = slices.Clone(tx.WriteConflicts)
	out.Mutations = slices.Clone(tx.Mutations)
	return &out
}

// watch is a watch of the store's, with its faults.
type watch struct {
	kv.Watch
	env  env.Env
	late time.Duration
	lost time.Duration // 0: it is not
}

// faultyWatch draws what becomes of a watch: it is a hint, and nothing may rest on it.
func (c *caller) faultyWatch(w kv.Watch) kv.Watch {
	if !c.on("watch") || c.calm {
		return w
	}
	out := &watch{Watch: w, env: c.env}
	c.counts["watch"]++
	switch c.random.IntN(4) {
	case 0:
		out.late = c.random.Jitter(3 * time.Second)
	case 1:
		out.lost = c.random.Jitter(5*time.Second) + 1
	case 2:
		out.late = time.Hour // as good as never
	}
	return out
}

// Wait implements kv.Watch.
func (w *watch) Wait(ctx context.Context) error {
	if w.lost > 0 {
		limited, cancel := env.WithTimeout(w.env, ctx, w.lost)
		defer cancel()
		if err := w.Watch.Wait(limited); err == nil || ctx.Err() != nil {
			return err
		}
		return kv.ErrUnavailable
	}
	err := w.Watch.Wait(ctx)
	if err == nil && w.late > 0 {
		err = env.Sleep(w.env, ctx, w.late)
	}
	return err
}

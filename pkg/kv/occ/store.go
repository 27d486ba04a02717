// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

var (
	errClosed         = errors.New("the store is closed")
	errTooManyWatches = errors.New("too many watches")
)

var (
	_ kv.Store    = (*Store)(nil)
	_ ryw.Backend = (*Store)(nil)
)

// Store is a store of optimistic transactions on an engine. It implements kv.Store, and
// ryw.Backend for serving it to other processes.
type Store struct {
	env     env.Env
	opt     Options
	engine  Engine
	watches *watches
	room    *env.Semaphore // bytes that may wait for the committer
	task    *env.Task      // the committer
	newest  Snapshot       // of the committer: the state after its last batch

	failed *env.Event // the engine has; stopped says how

	mu       sync.Mutex
	stopped  error     // why the store does not serve any more, nil while it does
	closed   bool      // Close was called
	work     *env.Cond // there is an open batch, or the store has stopped
	unread   *env.Cond // reading has become 0
	reading  int       // reads under way
	versions *versions
	resolver *resolver
	clock    clock
	assigned kv.Version // the greatest version given to a batch
	open     *batch     // the next batch, nil while there is nothing to commit
	applying *batch     // the batch on its way to the disk, nil if there is none
	waiting  queue      // for room in the next batch
	timer    env.Timer  // of the next expiry, nil if there is none
	pins     map[kv.Version]*pin
}

// Open returns a store on an engine, which it closes with itself, or if it fails. It
// blocks until the engine has recorded, durably, that the versions of the store's former life are over.
func Open(e env.Env, engine Engine, opt Options) (*Store, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	first := engine.Version() + recoveryJump
	if err := engine.Apply(first, nil); err != nil {
		return nil, errors.Join(kv.ErrUnavailable.With(err), engine.Close())
	}
	now := e.Monotonic()
	s := &Store{
		env:      e,
		opt:      opt,
		engine:   engine,
		watches:  newWatches(e, opt.Watches),
		room:     env.NewSemaphore(e, int64(opt.QueuedBytes)),
		newest:   engine.Snapshot(),
		failed:   env.NewEvent(e),
		clock:    clock{at: first, now: now},
		assigned: first,
		resolver: newResolver(),
	}
	s.versions = newVersions(opt.Window, first, now, s.newest)
	s.work, s.unread = env.NewCond(e, &s.mu), env.NewCond(e, &s.mu)
	s.task = env.Start(e, context.Background(), "occ committer", s.committer)
	return s, nil
}

// Begin implements kv.Store.
func (s *Store) Begin(opt kv.TxOptions) kv.Tx { return ryw.New(s, opt) }

// ReadVersion implements ryw.Backend. It does not block.
func (s *Store) ReadVersion(ctx context.Context, _ kv.Priority) (kv.Version, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return 0, s.stopped
	}
	v := s.versions.handOut(s.env.Monotonic(), s.open != nil || s.applying != nil)
	s.setTimer()
	return v, nil
}

// GetAll implements ryw.Backend. It waits only for the engine.
func (s *Store) GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := s.read(ctx, v, func(snap Snapshot) (err error) {
		for i, key := range keys {
			if values[i], err = snap.Get(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Range implements ryw.Backend. It waits only for the engine.
func (s *Store) Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) (pairs []kv.KeyValue,
	more bool, err error) {
	bytesMax := opt.BytesMax
	if bytesMax == 0 {
		bytesMax = kv.DefaultRangeBytes
	}
	err = s.read(ctx, v, func(snap Snapshot) error {
		return snap.Range(begin, end, opt.Reverse, func(key, value []byte) bool {
			pairs = append(pairs, kv.KeyValue{Key: append([]byte{}, key...), Value: append([]byte{}, value...)})
			bytesMax -= len(key) + len(value)
			more = len(pairs) == opt.Limit || bytesMax <= 0
			return !more
		})
	})
	if err != nil {
		return nil, false, err
	}
	return pairs, more, nil
}

// read calls f with the state at v.
func (s *Store) read(ctx context.Context, v kv.Version, f func(Snapshot) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	held, err := s.hold(v)
	if err != nil {
		return err
	}
	defer s.letGo(held)
	return f(held.snap)
}

func (s *Store) hold(v kv.Version) (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return nil, s.stopped
	}
	if p := s.pins[v]; p != nil {
		p.state.holders++
		s.reading++
		return p.state, nil
	}
	held, err := s.versions.hold(v, s.env.Monotonic())
	if err == nil {
		s.reading++
	}
	return held, err
}

func (s *Store) letGo(held *state) {
	s.mu.Lock()
	unused := held.letGo()
	s.mu.Unlock()
	if unused != nil {
		s.closeSnapshots([]Snapshot{unused})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading--
	if s.reading == 0 {
		s.unread.Broadcast()
	}
}

// closeSnapshots closes what nobody holds any more.
func (s *Store) closeSnapshots(unused []Snapshot) {
	for _, snap := range unused {
		if err := snap.Close(); err != nil {
			s.fail(fmt.Errorf("closing a snapshot: %w", err))
		}
	}
}

// Commit implements ryw.Backend. It blocks until the commit is decided and durable, or ctx
// ends: then it may still happen.
func (s *Store) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	committed, err := s.commit(ctx, c)
	if err != nil && !kv.NeverCommitted(err) && !errors.Is(err, kv.ErrCommitUnknown) {
		err = kv.ErrCommitUnknown.With(err)
	}
	return committed, err
}

func (s *Store) commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	if ctx.Err() != nil {
		return ryw.Committed{}, context.Cause(ctx)
	}
	bytes, queued := commitBytes(c), 0
	if err := s.admit(c, bytes); err != nil {
		return ryw.Committed{}, err
	}
	if c.Priority != kv.PriorityHigh { // heartbeats are small, and are not to wait behind others
		queued = min(bytes, s.opt.QueuedBytes)
		if err := s.room.Acquire(ctx, int64(queued)); err != nil {
			return ryw.Committed{}, err
		}
	}
	r := newRequest(s.env, c, bytes)
	r.queued = queued
	s.submit(r)
	committed, err := r.answer.Wait(ctx)
	if err != nil && s.withdraw(r) {
		s.answer(r, ryw.Committed{}, err)
	}
	return committed, err
}

// admit asks the engine whether a commit may go on. Heartbeats always may: nothing is saved by ending the nodes.
func (s *Store) admit(c *ryw.Commit, bytes int) error {
	limited, ok := s.engine.(Limited)
	if !ok || c.Priority == kv.PriorityHigh || len(c.Mutations) == 0 {
		return nil
	}
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	if stopped != nil {
		return stopped // a disk that has no room is not why then
	}
	sets := slices.ContainsFunc(c.Mutations, func(m ryw.Mutation) bool { return m.Kind != ryw.MutationClearRange })
	return limited.Admit(Write{Bytes: bytes, Reserved: c.Reserved, Deletes: !sets})
}

// Watch implements ryw.Backend.
func (s *Store) Watch(ctx context.Context, key, value []byte, _ kv.Version) (kv.Watch, error) {
	w, err := s.watches.add(key, value)
	if err != nil {
		return nil, err
	}
	// What is committed from here on tells the watch. What was before:
	now, err := s.current(ctx, key)
	if err != nil {
		w.Cancel()
		return nil, err
	}
	w.compare(now)
	return w, nil
}

// current returns the value of key at the newest version.
func (s *Store) current(ctx context.Context, key []byte) ([]byte, error) {
	v, err := s.ReadVersion(ctx, kv.PriorityDefault)
	if err != nil {
		return nil, err
	}
	values, err := s.GetAll(ctx, v, [][]byte{key})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// expire drops what has left the window.
func (s *Store) expire() {
	s.mu.Lock()
	unused, floor := s.versions.expire(s.env.Monotonic())
	s.resolver.forget(floor)
	s.setTimer()
	s.mu.Unlock()
	s.closeSnapshots(unused)
}

// setTimer sees to it that versions expire when nothing else happens.
func (s *Store) setTimer() {
	in, ok := s.versions.expiry(s.env.Monotonic())
	if !ok || s.timer != nil || s.stopped != nil {
		return
	}
	// Later than need be, so that several expire at a time.
	s.timer = s.env.AfterFunc(in+s.opt.Window/8, func() {
		s.mu.Lock()
		s.timer = nil
		s.mu.Unlock()
		s.expire()
	})
}

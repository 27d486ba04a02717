// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

var (
	errClosed         = errors.New("the store is closed")
	errTooManyWatches = errors.New("too many watches")
)

// Store is a store of optimistic transactions on an engine. It implements kv.Store, and ryw.Backend for
// serving it to other processes.
type Store struct {
	env      env.Env
	opt      Options
	engine   Engine
	versions *versions
	watches  *watches
	queue    queue
	room     *env.Semaphore // bytes that may wait
	task     *env.Task

	// Of the committer only.
	resolver     *resolver
	newest       Snapshot
	version      kv.Version
	firstVersion kv.Version
	openedAt     time.Duration

	mu     sync.Mutex
	closed bool
}

var (
	_ kv.Store    = (*Store)(nil)
	_ ryw.Backend = (*Store)(nil)
)

// Open returns a store on an engine, which it closes with itself.
func Open(e env.Env, engine Engine, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{
		env: e, opt: opt, engine: engine,
		versions: &versions{window: opt.Window},
		watches:  newWatches(e, opt.Watches),
		room:     env.NewSemaphore(e, int64(max(opt.QueuedBytes, kv.TxBytesMax))),
		newest:   engine.Snapshot(),
		openedAt: e.Monotonic(),
	}
	s.queue.filled = e.NewParker()
	s.version = 1
	if last := engine.Version(); last > 0 {
		s.version = last + recoveryJump
	}
	s.firstVersion = s.version
	s.resolver = newResolver(s.version)
	if err := s.versions.publish(s.version, s.newest, s.openedAt); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	s.task = env.Start(e, context.Background(), "committer", s.commitForever)
	return s, nil
}

// Begin implements kv.Store.
func (s *Store) Begin(opt kv.TxOptions) kv.Tx { return ryw.New(s, opt) }

// ReadVersion implements ryw.Backend: the last version that was acknowledged. It does not block.
func (s *Store) ReadVersion(context.Context, kv.Priority) (kv.Version, error) {
	return s.versions.last()
}

// GetAll implements ryw.Backend.
func (s *Store) GetAll(_ context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := s.versions.read(v, s.env.Monotonic(), func(snap Snapshot) (err error) {
		for i, key := range keys {
			if values[i], err = snap.Get(key); err != nil {
				return err
			}
		}
		return nil
	})
	return values, err
}

// Range implements ryw.Backend.
func (s *Store) Range(_ context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) (pairs []kv.KeyValue, more bool, err error) {
	bytesMax := opt.BytesMax
	if bytesMax == 0 {
		bytesMax = kv.DefaultRangeBytes
	}
	bytes := 0
	err = s.versions.read(v, s.env.Monotonic(), func(snap Snapshot) error {
		return snap.Range(begin, end, opt.Reverse, func(key, value []byte) bool {
			if more = bytes >= bytesMax || opt.Limit > 0 && len(pairs) >= opt.Limit; more {
				return false
			}
			pairs = append(pairs, kv.KeyValue{Key: append([]byte{}, key...), Value: append([]byte{}, value...)})
			bytes += len(key) + len(value)
			return true
		})
	})
	return pairs, more, err
}

// Commit implements ryw.Backend. It blocks until the commit is decided and durable, or ctx ends: then it may happen
// still, and what c points to must not be changed.
func (s *Store) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	w := &waiting{commit: c, bytes: commitBytes(c), answer: env.NewFuture[ryw.Committed](s.env)}
	if err := s.room.Acquire(ctx, int64(w.bytes)); err != nil {
		return ryw.Committed{}, kv.ErrCommitUnknown.With(err)
	}
	if !s.queue.push(w) {
		s.room.Release(int64(w.bytes))
		return ryw.Committed{}, kv.ErrCommitUnknown.With(errClosed)
	}
	committed, err := w.answer.Wait(ctx)
	var known *kv.Error
	if err != nil && !errors.As(err, &known) { // ctx ended
		err = kv.ErrCommitUnknown.With(err)
	}
	return committed, err
}

// commitBytes is about what a commit takes in memory.
func commitBytes(c *ryw.Commit) int {
	const overhead = 64
	n := overhead
	for _, m := range c.Mutations {
		n += len(m.Key) + len(m.Value) + overhead
	}
	for _, ranges := range [][]ryw.KeyRange{c.ReadConflicts, c.WriteConflicts} {
		for _, r := range ranges {
			n += len(r.Begin) + len(r.End) + overhead
		}
	}
	return min(n, kv.TxBytesMax)
}

// Watch implements ryw.Backend.
func (s *Store) Watch(_ context.Context, key, value []byte, _ kv.Version) (kv.Watch, error) {
	w, err := s.watches.add(key, value)
	if err != nil {
		return nil, err
	}
	now, err := s.current(key)
	if err != nil {
		w.Cancel()
		return nil, err
	}
	w.compare(now)
	return w, nil
}

// current returns the value of key as of the last version.
func (s *Store) current(key []byte) (value []byte, err error) {
	last, err := s.versions.last()
	if err != nil {
		return nil, err
	}
	err = s.versions.read(last, s.env.Monotonic(), func(snap Snapshot) (err error) {
		value, err = snap.Get(key)
		return err
	})
	return value, err
}

// fail stops the store for good: what is in the engine is no longer known.
func (s *Store) fail(err error) {
	cause := kv.ErrUnavailable.With(err)
	for _, w := range s.queue.close() {
		s.answer(w, ryw.Committed{}, kv.ErrCommitUnknown.With(err))
	}
	_ = s.versions.close(cause) // the engine has failed: there is nothing to be saved
	s.watches.close(cause)
}

// Close implements kv.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.task.Stop()
	waited := s.task.Wait(context.Background())
	for _, w := range s.queue.close() {
		s.answer(w, ryw.Committed{}, kv.ErrCommitUnknown.With(errClosed))
	}
	cause := kv.ErrUnavailable.With(errClosed)
	s.watches.close(cause)
	return errors.Join(waited, s.versions.close(cause), s.engine.Close())
}

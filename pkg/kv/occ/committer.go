// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// A commit is decided, by its caller's task, when it joins the open batch: a conflict with what is
// still on its way to the disk is a conflict already. The committer takes the open batch, makes it durable,
// and answers; meanwhile the next batch opens.

// submit decides a request, or lets it wait for room in the next batch.
func (s *Store) submit(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped != nil:
		s.answer(r, ryw.Committed{}, s.stopped)
	case s.waiting.empty() && s.fits(r):
		s.decide(r)
	default:
		s.waiting.push(r)
	}
}

func (s *Store) fits(r *request) bool { return s.open == nil || s.open.fits(r, s.opt) }

// decide refuses a request that can't commit, and lets any other join the open batch.
func (s *Store) decide(r *request) {
	now := s.env.Monotonic()
	if err := s.resolve(r, now); err != nil {
		s.refuse(r, err)
		return
	}
	if s.open == nil {
		s.assigned = max(s.assigned+1, s.versions.newest().at+1, s.clock.version(now))
		s.open = &batch{version: s.assigned}
		s.work.Broadcast()
	}
	s.open.add(r)
	s.resolver.record(r.writes, s.open.version)
}

// resolve returns nil if r may commit now.
func (s *Store) resolve(r *request, now time.Duration) error {
	if r.read == 0 {
		return nil
	}
	if err := s.versions.check(r.read, now); err != nil {
		return err
	}
	if s.resolver.conflicts(r.reads, r.read) {
		return kv.ErrConflict
	}
	return nil
}

// refuse answers a request, after the last batch with which it conflicts: one that tried again before would
// read the same version, and conflict again.
func (s *Store) refuse(r *request, err error) {
	switch {
	case s.open != nil && s.resolver.conflicts(r.reads, s.open.version-1):
		s.open.refused = append(s.open.refused, r)
	case s.applying != nil && s.resolver.conflicts(r.reads, s.versions.newest().at):
		s.applying.refused = append(s.applying.refused, r)
	default:
		s.answer(r, ryw.Committed{}, err)
	}
}

// withdraw takes back a request that waits; it reports whether that was possible.
func (s *Store) withdraw(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting.remove(r)
}

// committer commits batches until the store stops.
func (s *Store) committer(ctx context.Context) {
	for {
		b := s.takeBatch(ctx)
		if b == nil {
			return
		}
		s.commitBatch(b)
	}
}

// takeBatch waits for the next batch; nil says that the store has stopped.
func (s *Store) takeBatch(ctx context.Context) *batch {
	if !s.awaitBatch(ctx) {
		return nil
	}
	// The batch stays open for the time to gather; a store that stops has none.
	if err := env.Sleep(s.env, ctx, s.opt.Gather); err != nil {
		return nil
	}
	// Those whom the batch before has answered are awake, and most come again: one batch is for all of them, not one
	// for the first and another for the rest.
	s.env.Yield()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.open
	s.open, s.applying = nil, b
	for r := s.waiting.first(); r != nil && s.stopped == nil && s.fits(r); r = s.waiting.first() {
		s.waiting.pop()
		s.decide(r)
	}
	return b
}

func (s *Store) awaitBatch(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open == nil && s.stopped == nil {
		if err := s.work.Wait(ctx); err != nil {
			return false
		}
	}
	return s.stopped == nil
}

// commitBatch makes a batch durable and then visible, and answers.
func (s *Store) commitBatch(b *batch) {
	mutations, err := b.mutations(s.newest)
	if err == nil {
		err = s.engine.Apply(b.version, mutations)
	}
	if err != nil {
		s.fail(err)
		s.answerBatch(b, kv.ErrCommitUnknown.With(err))
		return
	}
	s.publish(b)
	s.answerBatch(b, nil)
	if err := s.watches.changed(mutations, s.newest.Get); err != nil {
		s.fail(err)
	}
}

// answerBatch answers the requests of a batch that nobody else uses any more.
func (s *Store) answerBatch(b *batch, err error) {
	for _, r := range b.requests {
		s.answer(r, b.committed(r), err)
	}
	for _, r := range b.refused {
		s.answer(r, ryw.Committed{}, kv.ErrConflict)
	}
}

// publish makes the state after a batch the one that is read.
func (s *Store) publish(b *batch) {
	snap := s.engine.Snapshot()
	now := s.env.Monotonic()
	s.newest = snap
	s.mu.Lock()
	s.applying = nil
	s.versions.commit(b.version, now, snap)
	s.clock = clock{at: b.version, now: now}
	s.mu.Unlock()
	s.expire()
}

// answer ends a request.
func (s *Store) answer(r *request, c ryw.Committed, err error) {
	s.room.Release(int64(r.queued))
	r.answer.Complete(c, err)
}

// clock makes versions grow about as fast as FoundationDB's: it shows that a commit was at a
// version at a time.
type clock struct {
	at  kv.Version
	now time.Duration
}

func (c clock) version(now time.Duration) kv.Version {
	return c.at + kv.Version((now-c.now)/(time.Second/versionsPerSecond))
}

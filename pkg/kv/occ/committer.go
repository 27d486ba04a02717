// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// waiting is a commit that waits to be decided.
type waiting struct {
	commit *ryw.Commit
	bytes  int
	answer *env.Future[ryw.Committed]
}

// queue holds the commits that wait, urgent ones apart.
type queue struct {
	mu             sync.Mutex
	urgent, normal []*waiting
	filled         env.Parker
	closed         bool
}

// push appends a commit, and returns false if there is no committer any longer.
func (q *queue) push(w *waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if w.commit.Priority == kv.PriorityHigh {
		q.urgent = append(q.urgent, w)
	} else {
		q.normal = append(q.normal, w)
	}
	q.filled.Unpark()
	return true
}

// take removes up to so many commits, urgent ones first. It does not block.
func (q *queue) take(transactions, bytes int) []*waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*waiting
	for _, from := range []*[]*waiting{&q.urgent, &q.normal} {
		n := 0
		for n < len(*from) && len(out) < transactions && (len(out) == 0 || (*from)[n].bytes <= bytes) {
			bytes -= (*from)[n].bytes
			out = append(out, (*from)[n])
			n++
		}
		rest := (*from)[n:]
		clear((*from)[:n])
		*from = rest
	}
	return out
}

// close refuses further commits and returns those that wait.
func (q *queue) close() []*waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	left := append(q.urgent, q.normal...)
	q.urgent, q.normal = nil, nil
	return left
}

// commitForever is the committer.
func (s *Store) commitForever(ctx context.Context) {
	for {
		batch := s.queue.take(s.opt.BatchTransactions, s.opt.BatchBytes)
		if len(batch) == 0 {
			if s.queue.filled.Park(ctx) != nil {
				return
			}
			if s.opt.Gather > 0 && env.Sleep(s.env, ctx, s.opt.Gather) != nil {
				return
			}
			continue
		}
		s.decide(batch)
	}
}

// decide resolves the commits in order, applies those that pass as one batch, and answers all.
func (s *Store) decide(commits []*waiting) {
	version := s.nextVersion()
	b := newBatch(s.newest, version)
	passed := make([]*waiting, 0, len(commits))
	answers := make([]ryw.Committed, 0, len(commits))
	for _, w := range commits {
		if err := s.resolve(w.commit); err != nil {
			s.answer(w, ryw.Committed{}, err)
			continue
		}
		committed, err := b.add(w.commit.Mutations)
		if err != nil {
			s.fail(err)
			s.answer(w, ryw.Committed{}, kv.ErrCommitUnknown.With(err))
			s.answerAll(passed, kv.ErrCommitUnknown.With(err))
			return
		}
		s.resolver.write(w.commit.WriteConflicts, version)
		passed, answers = append(passed, w), append(answers, committed)
	}
	if len(passed) == 0 {
		return
	}
	if err := s.apply(b); err != nil {
		s.fail(err)
		s.answerAll(passed, kv.ErrCommitUnknown.With(err))
		return
	}
	for i, w := range passed {
		s.answer(w, answers[i], nil)
	}
}

// resolve says why a transaction can't be committed.
func (s *Store) resolve(c *ryw.Commit) error {
	if len(c.ReadConflicts) == 0 {
		return nil
	}
	if c.ReadVersion < s.resolver.floor {
		return kv.ErrTooOld
	}
	if s.resolver.conflicts(c.ReadConflicts, c.ReadVersion) {
		return kv.ErrConflict
	}
	return nil
}

// apply makes the batch durable, and then visible.
func (s *Store) apply(b *batch) error {
	if err := s.engine.Apply(b.version, b.mutations); err != nil {
		return err
	}
	s.version, s.newest = b.version, s.engine.Snapshot()
	if err := s.versions.publish(b.version, s.newest, s.env.Monotonic()); err != nil {
		return err
	}
	s.resolver.forget(s.versions.floor())
	return s.watches.changed(b.mutations, s.newest.Get)
}

// nextVersion grows with time, as FoundationDB's do, and by one at least.
func (s *Store) nextVersion() kv.Version {
	elapsed := kv.Version(s.env.Monotonic()-s.openedAt) * versionsPerSecond / 1_000_000_000
	return max(s.version+1, s.firstVersion+elapsed)
}

func (s *Store) answer(w *waiting, c ryw.Committed, err error) {
	s.room.Release(int64(w.bytes))
	w.answer.Complete(c, err)
}

func (s *Store) answerAll(all []*waiting, err error) {
	for _, w := range all {
		s.answer(w, ryw.Committed{}, err)
	}
}

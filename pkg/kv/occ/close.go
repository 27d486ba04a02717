// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// fail stops the store because of an error of the engine, of whose state
// nothing certain is known from then on.
func (s *Store) fail(err error) {
	s.stop(kv.ErrUnavailable.With(err))
	s.failed.Set()
}

// Failure blocks until the engine has failed, after which nothing is served any more until the store is opened again,
// by another process if it is on a disk. It returns why: kv.ErrUnavailable, with the engine's error. Or it returns
// the cause of ctx's end.
func (s *Store) Failure(ctx context.Context) error {
	if err := s.failed.Wait(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// stop makes everything fail with why, from now on, except the batch that is
// on its way to the disk.
func (s *Store) stop(why error) {
	s.mu.Lock()
	if s.stopped == nil {
		s.stopped = why
	}
	why = s.stopped
	waiting, open := s.waiting.takeAll(), s.open
	s.open = nil
	s.work.Broadcast()
	s.mu.Unlock()
	for _, r := range waiting {
		s.answer(r, ryw.Committed{}, why)
	}
	if open != nil {
		s.answerBatch(open, why)
	}
	s.watches.close(why)
}

// Close implements kv.Store. It waits for the batch that is on its way to the disk, and for reads. Only its first
// call does anything. After a failure of the engine, which Failure tells, it has nothing to add to that.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.stop(kv.ErrUnavailable.With(errClosed))
	if limited, ok := s.engine.(Limited); ok {
		limited.Interrupt()
	}
	s.task.Stop()
	err := errors.Join(s.task.Wait(context.Background()), s.release(), s.engine.Close())
	if s.failed.IsSet() {
		return nil
	}
	return err
}

// release waits for reads and closes the snapshots.
func (s *Store) release() error {
	unused, err := s.lastSnapshots()
	errs := []error{err}
	for _, snap := range unused {
		errs = append(errs, snap.Close())
	}
	return errors.Join(errs...)
}

func (s *Store) lastSnapshots() ([]Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	for s.reading > 0 {
		if err := s.unread.Wait(context.Background()); err != nil {
			return nil, err
		}
	}
	return append(s.unpinAll(), s.versions.drop(len(s.versions.list))...), nil
}

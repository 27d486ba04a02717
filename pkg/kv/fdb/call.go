// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"

	"github.com/apple/foundationdb/bindings/go/src/fdb"
)

// call is a use of FoundationDB's client that blocks the task that makes it. No goroutine waits in its place: when its context
// ends, or the store is closed, cancel makes it return.
type call struct {
	// cancel has what is waited for end soon. It may be called after that has ended, and more than once.
	cancel func()
}

// await blocks until all futures are ready. If ctx ends or the store is closed before, it cancels them, and returns
// ctx's cause or errClosed. A future that is cancelled is ready: FoundationDB's client sees to that by itself, without the cluster.
func (s *store) await(ctx context.Context, futures ...fdb.Future) error {
	return s.run(ctx, func() {
		for _, f := range futures {
			f.Cancel()
		}
	}, func() {
		for _, f := range futures {
			f.BlockUntilReady()
		}
	})
}

// run runs block, which must return once cancel was called, and does so when ctx ends or the store is closed. It
// returns ctx's cause or errClosed if cancel was called.
func (s *store) run(ctx context.Context, cancel, block func()) error {
	c := &call{cancel: cancel}
	if err := s.enter(c); err != nil {
		cancel()
		return err
	}
	stop := context.AfterFunc(ctx, cancel)
	block()
	undisturbed := stop()
	open := s.leave(c)
	switch {
	case !undisturbed:
		return context.Cause(ctx)
	case !open:
		return errClosed
	}
	return nil
}

// enter makes Close cancel the call, and wait for it, or returns errClosed.
func (s *store) enter(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return errClosed
	}
	s.calls[c] = true
	s.tasks.Add(1)
	return nil
}

// leave ends a call, and reports whether the store is still open.
func (s *store) leave(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c)
	s.tasks.Done()
	return !s.closed()
}

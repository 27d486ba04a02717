// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"

	"github.com/apple/foundationdb/bindings/go/src/fdb"
)

// call is a use of FoundationDB's client that blocks the task that makes it. No goroutine waits in its place: when
// its context ends, or the store is closed, what it waits for is cancelled, and so it returns. A future that is
// cancelled is ready: FoundationDB's client sees to that by itself, without the cluster.
type call struct {
	// Either futures, or tx, whose futures the binding does not show, are what is waited for.
	futures []fdb.Future
	tx      *tx

	before, after *call // in the store's list
}

// cancel has what is waited for end soon. It may be called after that has ended, and more than once.
func (c *call) cancel() {
	for _, f := range c.futures {
		f.Cancel()
	}
	if c.tx != nil {
		c.tx.Cancel()
	}
}

// await blocks until all futures are ready. If ctx ends or the store is closed before, it cancels them, and returns
// ctx's cause or errClosed.
func (s *store) await(ctx context.Context, futures ...fdb.Future) error {
	return s.run(ctx, &call{futures: futures}, nil)
}

// run waits for a call's futures, and runs block, if any, which must return once the call was cancelled: that happens
// when ctx ends or the store is closed. It then returns ctx's cause or errClosed.
func (s *store) run(ctx context.Context, c *call, block func()) error {
	if err := s.enter(c); err != nil {
		c.cancel()
		return err
	}
	var stop func() bool
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, c.cancel)
	}
	for _, f := range c.futures {
		f.BlockUntilReady()
	}
	if block != nil {
		block()
	}
	ended := stop != nil && !stop()
	open := s.leave(c)
	switch {
	case ended:
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
	if s.isClosed {
		return errClosed
	}
	c.after = s.calls
	if c.after != nil {
		c.after.before = c
	}
	s.calls = c
	s.tasks.Add(1)
	return nil
}

// leave ends a call, and reports whether the store is still open.
func (s *store) leave(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.before != nil {
		c.before.after = c.after
	} else {
		s.calls = c.after
	}
	if c.after != nil {
		c.after.before = c.before
	}
	s.tasks.Done()
	return !s.isClosed
}

// underWay returns the calls that have not ended. The store's lock is held.
func (s *store) underWay() []*call {
	var all []*call
	for c := s.calls; c != nil; c = c.after {
		all = append(all, c)
	}
	return all
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Open opens a store. It does not wait for the cluster, and does not try to reach it.
func Open(opt Options) (kv.Store, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	if opt.ClusterFile != "" {
		if _, err := os.Stat(opt.ClusterFile); err != nil {
			return nil, fmt.Errorf("cluster file: %w", err)
		}
	}
	db, err := acquire(opt.ClusterFile)
	if err != nil {
		return nil, kv.ErrUnavailable.With(fmt.Errorf("FoundationDB's client: %w", err))
	}
	s := &store{db: db, clusterFile: opt.ClusterFile, space: keySpace{opt.Prefix}}
	s.open, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// store implements kv.Store.
type store struct {
	db          fdb.Database
	clusterFile string
	space       keySpace

	// open ends when the store is closed.
	open context.Context
	stop context.CancelFunc

	mu    sync.Mutex // of what may only begin while the store is open
	tasks sync.WaitGroup
}

// Begin implements kv.Store.
func (s *store) Begin(opt kv.TxOptions) kv.Tx {
	t := &tx{store: s, priority: opt.Priority}
	t.fdb, t.poison = s.create(opt.Priority)
	return reader{tx: t}
}

// create makes a transaction of FoundationDB's.
func (s *store) create(priority kv.Priority) (fdb.Transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return fdb.Transaction{}, errClosed
	}
	t, err := s.db.CreateTransaction()
	if err == nil && priority == kv.PriorityHigh {
		err = t.Options().SetPrioritySystemImmediate()
	}
	if err != nil {
		return fdb.Transaction{}, readError(err)
	}
	return t, nil
}

// Close implements kv.Store.
func (s *store) Close() error {
	s.mu.Lock()
	wasClosed := s.closed()
	s.stop()
	s.mu.Unlock()
	if wasClosed {
		return nil
	}
	s.tasks.Wait()
	release(s.clusterFile, s.db)
	return nil
}

func (s *store) closed() bool { return s.open.Err() != nil }

// spawn runs f in a goroutine that Close waits for, or returns errClosed.
func (s *store) spawn(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return errClosed
	}
	s.tasks.Go(f)
	return nil
}

// await blocks until all futures are ready. If ctx ends or the store is closed before, it cancels them, which ends the
// goroutine that waits for them, and returns ctx's cause or errClosed.
func (s *store) await(ctx context.Context, futures ...fdb.Future) error {
	ready := make(chan struct{})
	err := s.spawn(func() {
		defer close(ready)
		for _, f := range futures {
			f.BlockUntilReady()
		}
	})
	if err == nil {
		err = s.wait(ctx, ready)
	}
	if err != nil {
		for _, f := range futures {
			f.Cancel()
		}
	}
	return err
}

// wait blocks until ready is closed, and otherwise returns ctx's cause or errClosed.
func (s *store) wait(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.open.Done():
		return errClosed
	}
}

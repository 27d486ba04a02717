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

// Open opens a store. It does not wait for the cluster, and does not try to reach it. It fails if the cluster file,
// or a file of TLS, can't be read.
func Open(opt Options) (kv.Store, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	clusterFile, err := findClusterFile(opt.ClusterFile, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := opt.TLS.checkReadable(); err != nil {
		return nil, err
	}
	db, err := database(clusterFile, opt.TLS)
	if err != nil {
		return nil, kv.ErrUnavailable.With(fmt.Errorf("FoundationDB's client: %w", err))
	}
	s := &store{db: db, opt: opt, space: keySpace{opt.Prefix}}
	s.open, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// store implements kv.Store.
type store struct {
	db    fdb.Database
	opt   Options
	space keySpace

	// open ends when the store is closed.
	open context.Context
	stop context.CancelFunc

	mu       sync.Mutex // of what may only begin while the store is open
	isClosed bool
	calls    *call // the latest of a list
	tasks    sync.WaitGroup
}

// Begin implements kv.Store.
func (s *store) Begin(opt kv.TxOptions) kv.Tx {
	t := &tx{store: s, priority: opt.Priority}
	t.fdb, t.poison = s.create(opt.Priority)
	return reader{tx: t}
}

// create makes a transaction of FoundationDB's.
func (s *store) create(priority kv.Priority) (fdb.Transaction, error) {
	if s.closed() {
		return fdb.Transaction{}, errClosed
	}
	t, err := s.db.CreateTransaction()
	if err == nil {
		err = s.choose(t.Options(), priority)
	}
	if err != nil {
		return fdb.Transaction{}, readError(err)
	}
	return t, nil
}

// choose sets a transaction's options. They are not the database's, which other stores share.
func (s *store) choose(options fdb.TransactionOptions, priority kv.Priority) error {
	if priority == kv.PriorityHigh {
		if err := options.SetPrioritySystemImmediate(); err != nil {
			return err
		}
	}
	if s.opt.Timeout > 0 {
		if err := options.SetTimeout(s.opt.Timeout.Milliseconds()); err != nil {
			return err
		}
	}
	if s.opt.SizeLimit > 0 {
		return options.SetSizeLimit(s.opt.SizeLimit)
	}
	return nil
}

// Close implements kv.Store.
func (s *store) Close() error {
	s.mu.Lock()
	s.isClosed = true
	s.stop()
	ending := s.underWay()
	s.mu.Unlock()
	for _, c := range ending {
		c.cancel()
	}
	s.tasks.Wait()
	return nil
}

func (s *store) closed() bool { return s.open.Err() != nil }

// spawn runs f in a goroutine that Close waits for, or returns errClosed.
func (s *store) spawn(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return errClosed
	}
	s.tasks.Go(f)
	return nil
}

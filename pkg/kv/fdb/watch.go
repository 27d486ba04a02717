// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"errors"
	"sync"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Watch implements kv.Tx. FoundationDB reads the key, and tells of an error at the commit. What is one watch too
// many, or one of an unreadable key, shows when it is waited for.
func (t *tx) Watch(ctx context.Context, key []byte) (kv.Watch, error) {
	if err := kv.CheckKey(key); err != nil {
		return nil, t.refuse(err)
	}
	if t.space().tooLong(key) {
		return nil, t.refuse(kv.ErrKeyTooLarge)
	}
	var w *watch
	err := t.read(ctx, func() error {
		w = &watch{store: t.store, changed: t.fdb.Watch(fdb.Key(t.space().pack(key)))}
		return nil
	})
	if err != nil {
		if w != nil {
			w.Cancel()
		}
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == stateCancelled {
		w.Cancel()
		return nil, kv.ErrCancelled
	}
	t.watches = append(t.watches, w)
	return w, nil
}

// watch is a watch of FoundationDB's. Its methods may be called by any task.
type watch struct {
	store   *store
	changed fdb.FutureNil

	mu    sync.Mutex
	armed bool
	ended bool
	err   error         // of an ended watch, what Wait returns
	ready chan struct{} // closed when the future is ready; nil before the first Wait
}

func (w *watch) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
}

// end makes err what Wait returns from now on, unless the watch has ended.
func (w *watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if w.changed.IsReady() && unreadable(w.changed.Get()) {
		err = kv.ErrUnreadable // of the key, whatever has become of the transaction
	}
	w.ended, w.err = true, err
	w.changed.Cancel()
}

// unreadable reports whether a watch has failed because its transaction had made the key unreadable before.
func unreadable(err error) bool { return errors.Is(readError(err), kv.ErrUnreadable) }

// Wait implements kv.Watch.
func (w *watch) Wait(ctx context.Context) error {
	ready, err := w.start()
	if err != nil {
		return err
	}
	select {
	case <-ready:
		return w.result()
	case <-ctx.Done():
		return context.Cause(ctx) // Wait may be called again: the watch stays
	}
}

// start has the future waited for, until it is ready, cancelled, or the store closed.
func (w *watch) start() (<-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ready != nil {
		return w.ready, nil
	}
	ready := make(chan struct{})
	err := w.store.spawn(func() {
		defer close(ready)
		stop := context.AfterFunc(w.store.open, w.changed.Cancel)
		defer stop()
		w.changed.BlockUntilReady()
	})
	if err != nil {
		return nil, err
	}
	w.ready = ready
	return ready, nil
}

// result is what Wait returns once the future is ready.
func (w *watch) result() error {
	err := w.changed.Get()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
	case err == nil:
		w.ended = true
	case unreadable(err):
		w.ended, w.err = true, kv.ErrUnreadable
	case w.store.closed():
		return errClosed
	case w.armed:
		w.ended, w.err = true, kv.ErrUnavailable.With(err)
	default: // the transaction has failed, and its commit is about to say so
		w.ended, w.err = true, kv.ErrCancelled.With(err)
	}
	return w.err
}

// Cancel implements kv.Watch.
func (w *watch) Cancel() { w.end(kv.ErrCancelled) }

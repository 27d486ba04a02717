// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// errNotArmed is the cause of waiting for a watch before its transaction has committed.
var errNotArmed = errors.New("the watch's transaction has not committed")

// Watch implements kv.Tx. It reads the key, with a conflict. The store learns of the
// watch by the first Wait.
func (r reader) Watch(ctx context.Context, key []byte) (kv.Watch, error) {
	if string(key) >= keySpaceEnd {
		return nil, r.outOfRange()
	}
	if len(key) > kv.KeyBytesMax {
		return nil, kv.ErrKeyTooLarge
	}
	if err := r.usable(); err != nil {
		return nil, err
	}
	if r.writes.unreadable.contains(string(key)) {
		// as on FoundationDB, which does not hold it against the transaction
		return &watch{ended: true, err: kv.ErrUnreadable}, nil
	}
	value, err := r.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	w := &watch{backend: r.backend, key: bytes.Clone(key), value: value}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == stateCancelled {
		return nil, kv.ErrCancelled
	}
	r.watches = append(r.watches, w)
	return w, nil
}

// triggerWatches ends those watches of keys of r that saw another value than that now written.
func (t *tx) triggerWatches(r keyRange, value []byte) {
	t.trigger(r, func(w *watch) bool { return (value == nil) != (w.value == nil) || !bytes.Equal(value, w.value) })
}

// triggerUnknown ends all watches of keys of r.
func (t *tx) triggerUnknown(r keyRange) {
	t.trigger(r, func(*watch) bool { return true })
}

func (t *tx) trigger(r keyRange, changed func(*watch) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches = slices.DeleteFunc(t.watches, func(w *watch) bool {
		if key := string(w.key); key < r.begin || key >= r.end || !changed(w) {
			return false
		}
		w.end(nil)
		return true
	})
}

// watch is armed by the commit of its transaction, and registered with the
// store by the first Wait. Its methods may be called by any task, Wait by one at a time.
type watch struct {
	backend Backend
	key     []byte
	value   []byte // nil is none

	mu      sync.Mutex
	version kv.Version // 0 until armed
	ended   bool
	err     error    // of an ended watch, what Wait returns
	stored  kv.Watch // nil until registered
}

// arm says that the key had the value at version v.
func (w *watch) arm(v kv.Version) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version = v
}

// end makes err what Wait returns from now on.
func (w *watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended, w.err = true, err
	}
}

// Wait implements kv.Watch. Before the commit it returns ErrUnavailable.
func (w *watch) Wait(ctx context.Context) error {
	stored, ended, err := w.register(ctx)
	if ended || err != nil {
		return err
	}
	err = stored.Wait(ctx)
	if err == nil || isStoreError(err) {
		w.end(err)
	}
	return err
}

// register returns the store's watch, or whether and how the watch has ended.
func (w *watch) register(ctx context.Context) (stored kv.Watch, ended bool, err error) {
	w.mu.Lock()
	version := w.version
	stored, ended, err = w.stored, w.ended, w.err
	w.mu.Unlock()
	switch {
	case ended || stored != nil:
		return stored, ended, err
	case version == 0:
		return nil, false, kv.ErrUnavailable.With(errNotArmed)
	}
	stored, err = w.backend.Watch(ctx, w.key, w.value, version)
	if err != nil {
		return nil, false, lost(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended { // cancelled since
		stored.Cancel()
		return nil, true, w.err
	}
	w.stored = stored
	return stored, false, nil
}

// lost is how a watch fails that the store did not take.
func lost(err error) error {
	if isStoreError(err) && !errors.Is(err, kv.ErrUnavailable) {
		return kv.ErrUnavailable.With(err)
	}
	return err
}

func isStoreError(err error) bool {
	var storeErr *kv.Error
	return errors.As(err, &storeErr)
}

// Cancel implements kv.Watch.
func (w *watch) Cancel() {
	w.end(kv.ErrCancelled)
	w.mu.Lock()
	stored := w.stored
	w.mu.Unlock()
	if stored != nil {
		stored.Cancel()
	}
}

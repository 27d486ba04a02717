// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"bytes"
	"context"
	"sync"

	"github.com/tidwall/btree"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// watches are those that wait for a key to have another value.
type watches struct {
	env env.Env
	max int

	mu     sync.Mutex
	byKey  *btree.BTreeG[*watch] // by key, then number
	number uint64
	closed error
}

type watch struct {
	set    *watches
	key    string
	number uint64
	value  []byte // which it waits to see changed; nil is none
	fired  *env.Future[struct{}]
}

var _ kv.Watch = (*watch)(nil)

func newWatches(e env.Env, max int) *watches {
	less := func(a, b *watch) bool { return a.key < b.key || a.key == b.key && a.number < b.number }
	return &watches{env: e, max: max, byKey: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// add registers a watch. The caller compares the value as it is now afterwards.
func (w *watches) add(key, value []byte) (*watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed != nil {
		return nil, w.closed
	}
	if w.byKey.Len() >= w.max {
		return nil, kv.ErrUnavailable.With(errTooManyWatches)
	}
	w.number++
	n := &watch{set: w, key: string(key), number: w.number, value: cloneValue(value),
		fired: env.NewFuture[struct{}](w.env)}
	w.byKey.Set(n)
	return n, nil
}

// changed fires the watches whose keys a batch has given other values, which get reads.
func (w *watches) changed(batch []ryw.Mutation, get func(key []byte) ([]byte, error)) error {
	for _, n := range w.touched(batch) {
		now, err := get([]byte(n.key))
		if err != nil {
			return err
		}
		n.compare(now)
	}
	return nil
}

// touched returns the watches of the keys that a batch writes.
func (w *watches) touched(batch []ryw.Mutation) []*watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byKey.Len() == 0 {
		return nil
	}
	var out []*watch
	for _, m := range batch {
		key, clear := string(m.Key), m.Kind == ryw.MutationClearRange
		w.byKey.Ascend(&watch{key: key}, func(n *watch) bool {
			in := n.key == key || clear && n.key < string(m.Value)
			if in {
				out = append(out, n)
			}
			return in
		})
	}
	return out
}

// compare fires the watch if the value is another one.
func (n *watch) compare(now []byte) {
	if (now == nil) != (n.value == nil) || !bytes.Equal(now, n.value) {
		n.end(nil)
	}
}

func (n *watch) end(err error) {
	n.set.mu.Lock()
	n.set.byKey.Delete(n)
	n.set.mu.Unlock()
	n.fired.Complete(struct{}{}, err)
}

// Wait implements kv.Watch.
func (n *watch) Wait(ctx context.Context) error {
	_, err := n.fired.Wait(ctx)
	return err
}

// Cancel implements kv.Watch.
func (n *watch) Cancel() { n.end(kv.ErrCancelled) }

// close ends all watches with err.
func (w *watches) close(err error) {
	w.mu.Lock()
	if w.closed == nil {
		w.closed = err
	}
	var all []*watch
	w.byKey.Scan(func(n *watch) bool {
		all = append(all, n)
		return true
	})
	w.mu.Unlock()
	for _, n := range all {
		n.end(err)
	}
}

func cloneValue(v []byte) []byte {
	if v == nil {
		return nil
	}
	return append([]byte{}, v...)
}

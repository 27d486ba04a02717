// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw_test

import (
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// fakeBackend is a store of one version that accepts every commit, or fails as told.
type fakeBackend struct {
	version kv.Version
	pairs   map[string]string

	err         error // of every call
	commitErr   error
	commits     []*ryw.Commit
	reads       int // calls of GetAll and Range
	versionings int // calls of ReadVersion
	watches     []*fakeWatch
	onRead      func()
}

func (b *fakeBackend) ReadVersion(context.Context, kv.Priority) (kv.Version, error) {
	b.versionings++
	return b.version, b.err
}

func (b *fakeBackend) GetAll(_ context.Context, _ kv.Version, keys [][]byte) ([][]byte, error) {
	b.read()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if value, ok := b.pairs[string(key)]; ok {
			values[i] = []byte(value)
		}
	}
	return values, b.err
}

func (b *fakeBackend) Range(_ context.Context, _ kv.Version, begin, end []byte, opt kv.RangeOptions) (
	pairs []kv.KeyValue, more bool, err error) {
	b.read()
	var keys []string
	for key := range b.pairs {
		if string(begin) <= key && key < string(end) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if opt.Reverse {
		slices.Reverse(keys)
	}
	left := opt.BytesMax
	for _, key := range keys {
		if len(pairs) > 0 && (len(pairs) == opt.Limit || left <= 0) {
			return pairs, true, b.err
		}
		pairs = append(pairs, kv.KeyValue{Key: []byte(key), Value: []byte(b.pairs[key])})
		left -= len(key) + len(b.pairs[key])
	}
	return pairs, false, b.err
}

func (b *fakeBackend) read() {
	b.reads++
	if b.onRead != nil {
		b.onRead()
	}
}

func (b *fakeBackend) Commit(_ context.Context, c *ryw.Commit) (ryw.Committed, error) {
	b.commits = append(b.commits, c)
	return ryw.Committed{Version: b.version + 1, Order: 7}, b.commitErr
}

func (b *fakeBackend) Watch(_ context.Context, key, value []byte, v kv.Version) (kv.Watch, error) {
	w := &fakeWatch{key: string(key), value: value, version: v}
	b.watches = append(b.watches, w)
	return w, b.err
}

// fakeWatch ends as told.
type fakeWatch struct {
	key       string
	value     []byte
	version   kv.Version
	err       error
	cancelled int
}

func (w *fakeWatch) Wait(context.Context) error { return w.err }
func (w *fakeWatch) Cancel()                    { w.cancelled++ }

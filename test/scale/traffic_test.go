// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// traffic is what a node has asked of its store.
type traffic struct {
	begun   int // transactions
	commits int // of transactions with writes
	beats   int // commits that wrote the node's heartbeat
	reads   int // keys and ranges
	writes  int // keys and ranges
	ofActor int // those of the reads and writes that were of actors' keys
}

func (t traffic) minus(o traffic) traffic {
	return traffic{
		begun: t.begun - o.begun, commits: t.commits - o.commits, beats: t.beats - o.beats,
		reads: t.reads - o.reads, writes: t.writes - o.writes, ofActor: t.ofActor - o.ofActor,
	}
}

func (t traffic) String() string {
	return fmt.Sprintf("%d transactions, %d commits of which %d heartbeats, %d reads and %d writes of which %d of "+
		"actors", t.begun, t.commits, t.beats, t.reads, t.writes, t.ofActor)
}

// counted is a store that counts a node's traffic.
type counted struct {
	kv.Store
	beatKey []byte

	mu      sync.Mutex
	now     traffic
	atBeats []traffic     // as of each heartbeat
	beaten  chan struct{} // closed with the next heartbeat
}

func newCounted(s kv.Store, node string) *counted {
	return &counted{Store: s, beatKey: tuple.Pack("kelpie", "beat", node), beaten: make(chan struct{})}
}

// Begin implements kv.Store.
func (c *counted) Begin(opt kv.TxOptions) kv.Tx {
	c.count(func(t *traffic) { t.begun++ })
	tx := c.Store.Begin(opt)
	return &countedTx{Tx: tx, reader: reader{Reader: tx, store: c}}
}

func (c *counted) count(f func(*traffic)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.now)
}

// committed notes a commit of writes.
func (c *counted) committed(isBeat bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.commits++
	if isBeat {
		c.now.beats++
		c.atBeats = append(c.atBeats, c.now)
		close(c.beaten)
		c.beaten = make(chan struct{})
	}
}

// overBeats returns the traffic from one heartbeat to the nth after it, for which it waits. The first is the next but
// one: the next may have begun already.
func (c *counted) overBeats(ctx context.Context, n int) (traffic, error) {
	c.mu.Lock()
	first := len(c.atBeats) + 1
	c.mu.Unlock()
	from, err := c.atBeat(ctx, first)
	if err != nil {
		return traffic{}, err
	}
	to, err := c.atBeat(ctx, first+n)
	return to.minus(from), err
}

// atBeat returns the traffic up to the ith heartbeat, for which it waits.
func (c *counted) atBeat(ctx context.Context, i int) (traffic, error) {
	for {
		c.mu.Lock()
		beaten, all := c.beaten, c.atBeats
		c.mu.Unlock()
		if len(all) > i {
			return all[i], nil
		}
		select {
		case <-beaten:
		case <-ctx.Done():
			return traffic{}, ctx.Err()
		}
	}
}

// actorKeys begin the keys of actors.
var actorKeys = [][]byte{tuple.Pack("kelpie", "claim"), tuple.Pack("kelpie", "state"), tuple.Pack("kelpie", "call"),
	tuple.Pack("kelpie", "due")}

// ofActor returns 1 for a key of an actor, else 0.
func ofActor(key []byte) int {
	for _, prefix := range actorKeys {
		if bytes.HasPrefix(key, prefix) {
			return 1
		}
	}
	return 0
}

// countedTx is a transaction of a counted store.
type countedTx struct {
	kv.Tx
	reader
	writes, beats int // buffered
}

func (t *countedTx) wrote(key []byte) {
	t.writes++
	if bytes.Equal(key, t.store.beatKey) {
		t.beats++
	}
	t.store.count(func(n *traffic) { n.writes, n.ofActor = n.writes+1, n.ofActor+ofActor(key) })
}

func (t *countedTx) Set(key, value []byte) {
	t.wrote(key)
	t.Tx.Set(key, value)
}

func (t *countedTx) Clear(key []byte) {
	t.wrote(key)
	t.Tx.Clear(key)
}

func (t *countedTx) ClearRange(begin, end []byte) {
	t.wrote(begin)
	t.Tx.ClearRange(begin, end)
}

func (t *countedTx) Atomic(op kv.AtomicOp, key, param []byte) {
	t.wrote(key)
	t.Tx.Atomic(op, key, param)
}

func (t *countedTx) Commit(ctx context.Context) error {
	err := t.Tx.Commit(ctx)
	if err == nil && t.writes > 0 {
		t.store.committed(t.beats > 0)
	}
	return err
}

func (t *countedTx) Reset() {
	t.writes, t.beats = 0, 0
	t.Tx.Reset()
}

func (t *countedTx) Snapshot() kv.Reader { return reader{Reader: t.Tx.Snapshot(), store: t.store} }

// The reads of a transaction are those of its reader.

func (t *countedTx) Get(ctx context.Context, key []byte) ([]byte, error) {
	return t.reader.Get(ctx, key)
}

func (t *countedTx) GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	return t.reader.GetAll(ctx, keys...)
}

func (t *countedTx) GetKey(ctx context.Context, sel kv.KeySelector) ([]byte, error) {
	return t.reader.GetKey(ctx, sel)
}

func (t *countedTx) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	return t.reader.Range(ctx, begin, end, opt)
}

// reader counts reads.
type reader struct {
	kv.Reader
	store *counted
}

func (r reader) read(keys ...[]byte) {
	r.store.count(func(n *traffic) {
		for _, key := range keys {
			n.reads, n.ofActor = n.reads+1, n.ofActor+ofActor(key)
		}
	})
}

func (r reader) Get(ctx context.Context, key []byte) ([]byte, error) {
	r.read(key)
	return r.Reader.Get(ctx, key)
}

func (r reader) GetAll(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	r.read(keys...)
	return r.Reader.GetAll(ctx, keys...)
}

func (r reader) GetKey(ctx context.Context, sel kv.KeySelector) ([]byte, error) {
	r.read(sel.Key)
	return r.Reader.GetKey(ctx, sel)
}

func (r reader) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	r.read(begin)
	return r.Reader.Range(ctx, begin, end, opt)
}

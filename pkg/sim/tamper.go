// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// tampered is the store as a process with a bug uses it: each hook that is not nil stands between its transactions
// and the store.
type tampered struct {
	*caller
	// tx wraps a transaction.
	tx func(kv.Tx) kv.Tx
	// version, keys and pairs change what reads give.
	version func(t *tamperedTx, v kv.Version) kv.Version
	keys    func(t *tamperedTx, keys, values [][]byte)
	pairs   func(t *tamperedTx, begin []byte, pairs []kv.KeyValue, more bool, err error) ([]kv.KeyValue, bool, error)
	// commit stands in for the sending of a transaction.
	commit func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error)
}

// tamperedTx is one transaction of a process with a bug. It implements ryw.Backend.
type tamperedTx struct {
	*tampered
	priority kv.Priority
	reads    int  // that it has made
	marked   bool // for the bug's own use
}

// Begin implements kv.Store.
func (t *tampered) Begin(o kv.TxOptions) kv.Tx {
	tx := ryw.New(&tamperedTx{tampered: t, priority: o.Priority}, o)
	if t.tx != nil {
		return t.tx(tx)
	}
	return tx
}

// ReadVersion implements ryw.Backend.
func (t *tamperedTx) ReadVersion(ctx context.Context, p kv.Priority) (kv.Version, error) {
	if t.version != nil && p == kv.PriorityDefault {
		if v := t.version(t, 0); v != 0 {
			return v, nil
		}
	}
	v, err := t.caller.ReadVersion(ctx, p)
	if err == nil && t.version != nil {
		t.version(t, v)
	}
	return v, err
}

// GetAll implements ryw.Backend.
func (t *tamperedTx) GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	values, err := t.caller.GetAll(ctx, v, keys)
	if err == nil && t.keys != nil {
		t.keys(t, keys, values)
	}
	t.reads++
	return values, err
}

// Range implements ryw.Backend.
func (t *tamperedTx) Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue,
	bool, error) {
	pairs, more, err := t.caller.Range(ctx, v, begin, end, opt)
	if t.pairs != nil {
		pairs, more, err = t.pairs(t, begin, pairs, more, err)
	}
	t.reads++
	return pairs, more, err
}

// Commit implements ryw.Backend.
func (t *tamperedTx) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	if t.tampered.commit != nil {
		return t.tampered.commit(t, ctx, c)
	}
	return t.send(ctx, c)
}

// send is the commit as it should be.
func (t *tamperedTx) send(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	return t.caller.Commit(ctx, c)
}

// self reports whether a key is the process's own of a kind.
func (t *tamperedTx) self(key []byte, kind keyKind) bool {
	k := t.audit.kind(key)
	return t.life != nil && k.kind == kind && k.node == t.life.name
}

// writes returns the first mutation of a key of a kind, nil if there is none.
func (t *tamperedTx) writes(c *ryw.Commit, kind keyKind) *ryw.Mutation {
	for i := range c.Mutations {
		if t.audit.kind(c.Mutations[i].Key).kind == kind {
			return &c.Mutations[i]
		}
	}
	return nil
}

// claims returns the mutation by which the process claims an actor, nil if there is none.
func (t *tamperedTx) claims(c *ryw.Commit) *ryw.Mutation {
	if m := t.writes(c, keyClaim); m != nil && t.life != nil && decode[claimRecord](m.Value).Node == t.life.name {
		return m
	}
	return nil
}

// without returns the transaction without the read conflicts that drop names.
func (t *tamperedTx) without(c *ryw.Commit, drop func(ryw.KeyRange) bool) *ryw.Commit {
	out := *c
	out.ReadConflicts = nil
	for _, r := range c.ReadConflicts {
		if !drop(r) {
			out.ReadConflicts = append(out.ReadConflicts, r)
		}
	}
	t.shown(len(out.ReadConflicts) < len(c.ReadConflicts))
	return &out
}

func every(ryw.KeyRange) bool { return true }

func single(r ryw.KeyRange) bool { return bytes.Equal(kv.KeyAfter(r.Begin), r.End) }

// withoutWrites returns the transaction without the mutations of keys of a kind.
func (t *tamperedTx) withoutWrites(c *ryw.Commit, kind keyKind) *ryw.Commit {
	out := *c
	out.Mutations = nil
	for _, m := range c.Mutations {
		if t.audit.kind(m.Key).kind != kind {
			out.Mutations = append(out.Mutations, m)
		}
	}
	t.shown(len(out.Mutations) < len(c.Mutations))
	return &out
}

// hide leaves pairs out of what a process has read.
func (t *tamperedTx) hide(pairs []kv.KeyValue, hidden func(key []byte) bool) []kv.KeyValue {
	out := slices.DeleteFunc(slices.Clone(pairs), func(p kv.KeyValue) bool { return hidden(p.Key) })
	t.shown(len(out) < len(pairs))
	return out
}

// before is what a commit that has not been made looks like.
func before(c *ryw.Commit) ryw.Committed { return ryw.Committed{Version: c.ReadVersion} }

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// applier keeps what transactions write, and writes it at another time.
type applier struct {
	kv.Store
	when applyWhen
}

type applyWhen int

const (
	onConflict applyWhen = iota
	inHalves
	late
)

func (s *applier) Begin(opt kv.TxOptions) kv.Tx {
	return &applierTx{Tx: s.Store.Begin(opt), store: s}
}

type applierTx struct {
	kv.Tx
	store  *applier
	writes []func(tx kv.Tx)
}

func (tx *applierTx) write(f func(tx kv.Tx)) {
	tx.writes = append(tx.writes, f)
	if tx.store.when != late {
		f(tx.Tx)
	}
}

func (tx *applierTx) Set(key, value []byte) { tx.write(func(tx kv.Tx) { tx.Set(key, value) }) }
func (tx *applierTx) Clear(key []byte)      { tx.write(func(tx kv.Tx) { tx.Clear(key) }) }
func (tx *applierTx) Reset()                { tx.writes = nil; tx.Tx.Reset() }

func (tx *applierTx) Commit(ctx context.Context) error {
	switch {
	case tx.store.when == late:
		for _, write := range tx.writes {
			write(tx.Tx)
		}
	case tx.store.when == inHalves && len(tx.writes) > 1:
		if err := tx.apply(ctx, tx.writes[:1]); err != nil {
			return err
		}
	}
	err := tx.Tx.Commit(ctx)
	if errors.Is(err, kv.ErrConflict) && tx.store.when == onConflict {
		return errors.Join(err, tx.apply(ctx, tx.writes))
	}
	return err
}

// apply writes what was kept in a transaction of its own.
func (tx *applierTx) apply(ctx context.Context, writes []func(tx kv.Tx)) error {
	other := tx.store.Store.Begin(kv.TxOptions{})
	for _, write := range writes {
		write(other)
	}
	return other.Commit(ctx)
}

// everyTenth ends every tenth commit with err, undone.
type everyTenth struct {
	kv.Store
	err error
	n   int
}

func (s *everyTenth) Begin(opt kv.TxOptions) kv.Tx {
	return &tenthTx{Tx: s.Store.Begin(opt), store: s}
}

type tenthTx struct {
	kv.Tx
	store *everyTenth
}

func (tx *tenthTx) Commit(ctx context.Context) error {
	if tx.store.n++; tx.store.n%10 == 0 {
		tx.Cancel()
		return tx.store.err
	}
	return tx.Tx.Commit(ctx)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package writes changes a store where it must not. A comment "want X" says that the finding of its
// line contains X; a line without one is within the rules.
package writes

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// state has methods of the same names that are nobody's business.
type state struct{}

func (state) Set(key, value []byte) {}

type wrapped struct{ kv.Tx }

func use(ctx context.Context, tx kv.Tx) error {
	if _, err := tx.Get(ctx, nil); err != nil {
		return err
	}
	state{}.Set(nil, nil)
	tx.Set(nil, nil)       // want "kv.Tx.Set outside"
	wrapped{tx}.Clear(nil) // want "kv.Tx.Clear outside"
	put := tx.ClearRange   // want "kv.Tx.ClearRange outside"
	put(nil, nil)
	tx.Atomic(kv.AtomicAdd, nil, nil)  // want "kv.Tx.Atomic outside"
	tx.AddWriteConflictRange(nil, nil) // want "kv.Tx.AddWriteConflictRange outside"
	return tx.Commit(ctx)
}

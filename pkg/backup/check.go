// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Checked is what a check has looked at.
type Checked struct {
	Trailer
	// Kinds counts by the kind of keys.
	Kinds map[string]registry.KindCount
	// Snapshot says that all was of one moment. Else nodes that write meanwhile can make it find problems that are
	// none: check again, or stop them.
	Snapshot bool
	Problems int
}

// Check reads the whole store and cross-checks related records. It calls report for every problem, including keys that
// the store can't read, and continues behind those. It blocks until it is done or ctx ends. Errors are the store's.
func Check(ctx context.Context, e env.Env, store kv.Store, report func(registry.Problem), o Options) (Checked, error) {
	r := &reading{env: e, store: store}
	var out Checked
	if pinner, ok := store.(kv.Pinner); ok {
		if err := r.pin(ctx, pinner); err != nil {
			return out, err
		}
		defer r.unpin(ctx)
		out.Snapshot = true
	}
	problem := func(p registry.Problem) {
		out.Problems++
		report(p)
	}
	c := registry.Checker{Get: r.getReadable, State: node.CheckState, Report: problem}
	r.damaged = func(from, to []byte, err error) {
		problem(registry.Problem{Key: from,
			What: fmt.Sprintf("can't be read, nor what follows it, up to the next key that is listed: %v", err)})
	}
	err := r.each(ctx, func(pairs []kv.KeyValue) error {
		for _, p := range pairs {
			if err := c.Pair(ctx, p); err != nil {
				return err
			}
			out.Keys++
			out.Bytes += int64(len(p.Key) + len(p.Value))
		}
		o.tell(out.Trailer)
		return nil
	})
	if err == nil {
		err = c.End(ctx)
	}
	if err == nil {
		err = c.Meta(ctx)
	}
	out.Kinds = c.Kinds
	return out, err
}

// Problem is something that a check has found.
type Problem = registry.Problem

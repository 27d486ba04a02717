// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Bugs in what actors do later. Each loses some of the writes that belong together.

func marksForgotten(t *tampered) {
	loses(t, keySeq, func(m ryw.Mutation) bool { return partOf(m.Key) == "i" })
}

func alarmLeft(t *tampered) {
	loses(t, keySeq, func(m ryw.Mutation) bool { return partOf(m.Key) == "l" && m.Kind == ryw.MutationClearRange })
}

func outboxUnkept(t *tampered) {
	loses(t, keySeq, func(m ryw.Mutation) bool { return partOf(m.Key) == "o" && m.Kind == ryw.MutationSet })
}

// dueUnlisted lists nobody: as long as those live who have them in memory, nothing is missing.
func dueUnlisted(t *tampered) {
	lost := func(m ryw.Mutation) bool { return kindOf(m.Key) == "due" && m.Kind == ryw.MutationSet }
	t.commit = func(t *tamperedTx, ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
		return t.send(ctx, t.leftOut(c, lost))
	}
}

func releasedUnannounced(t *tampered) {
	loses(t, keyClaim, func(m ryw.Mutation) bool { return kindOf(m.Key) == "unattended" })
}

// loses leaves writes out of the commits that write a kind of key.
func loses(t *tampered, of keyKind, lost func(m ryw.Mutation) bool) {
	onCommit(t, of, func(t *tamperedTx, c *ryw.Commit) *ryw.Commit { return t.leftOut(c, lost) })
}

// leftOut returns the transaction without the writes that are lost.
func (t *tamperedTx) leftOut(c *ryw.Commit, lost func(m ryw.Mutation) bool) *ryw.Commit {
	out := *c
	out.Mutations = nil
	for _, m := range c.Mutations {
		if !lost(m) {
			out.Mutations = append(out.Mutations, m)
		}
	}
	t.shown(len(out.Mutations) < len(c.Mutations))
	return &out
}

// kindOf returns the second element of a key, "" for none.
func kindOf(key []byte) string {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 2 {
		return ""
	}
	kind, _ := t[1].(string)
	return kind
}

// partOf returns which part of an actor's state a key with a name or number of its own is of, "" for other keys.
func partOf(key []byte) string {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 6 || t[1] != "state" {
		return ""
	}
	part, _ := t[4].(string)
	return part
}

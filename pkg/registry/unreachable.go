// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Unreachable is what a member says, in its beat, of another one that it can't reach and that goes on beating.
type Unreachable struct {
	Node        string      `msgpack:"node"`
	Incarnation Incarnation `msgpack:"incarnation"`
	// Millis is for how long by then.
	Millis int64 `msgpack:"ms"`
}

// says reports whether a beat tells of an incarnation of a node that it can't be reached for so long at least.
func (b *Beat) says(node string, inc Incarnation, atLeast time.Duration) bool {
	for _, u := range b.Unreachable {
		if u.Node == node && u.Incarnation == inc {
			return time.Duration(u.Millis)*time.Millisecond >= atLeast
		}
	}
	return false
}

// UnreachableFrom returns, for each node of a listing, the members whose beats say that they can't reach it, in the
// order of the listing.
func UnreachableFrom(leases []LeaseInfo) map[string][]string {
	holds := make(map[string]Incarnation, len(leases))
	for _, l := range leases {
		holds[l.Node.ID] = l.Fence.Incarnation
	}
	out := make(map[string][]string)
	for _, l := range leases {
		if l.Fence.Incarnation == (Incarnation{}) || l.Beat.Incarnation != l.Fence.Incarnation {
			continue
		}
		for _, u := range l.Beat.Unreachable {
			if u.Incarnation == holds[u.Node] {
				out[u.Node] = append(out[u.Node], l.Node.ID)
			}
		}
	}
	return out
}

// FenceUnreachable fences an incarnation of a node if more than half of all members, by the beats that they have
// written, can't reach it for so long at least, and reports whether it did. So at most one side of a network that has
// come apart fences the other. Of two members alone, each of which says that of the other, the one whose name comes
// first stays. It takes a transaction over all members.
func (r *Registry) FenceUnreachable(ctx context.Context, node string, inc Incarnation, after time.Duration) (bool,
	error) {
	f, err := r.endLease(ctx, node, NodeFailed, func(ctx context.Context, tx kv.Tx, f Fence) (bool, error) {
		if f.Incarnation != inc {
			return false, nil
		}
		// Without conflicts: heartbeats go on all the time, and none of them makes earlier votes untrue.
		nodes, err := scanRecords(ctx, tx.Snapshot(), kindNode, corruptNode)
		if err != nil {
			return false, err
		}
		return outvoted(ctx, tx.Snapshot(), nodes, node, inc, after)
	})
	return f != nil, err
}

// outvoted reports whether the members' beats have an incarnation of a node fenced.
func outvoted(ctx context.Context, r kv.Reader, nodes []NodeInfo, node string, inc Incarnation, after time.Duration) (
	bool, error) {
	members, votes, stays := 0, 0, false
	var own Beat
	if err := read(ctx, r, beatKey(node), &own); err != nil {
		return false, err
	}
	for _, n := range nodes {
		if !n.Member() {
			continue
		}
		members++
		var beat Beat
		if err := read(ctx, r, beatKey(n.ID), &beat); err != nil {
			return false, err
		}
		if n.ID == node || beat.Incarnation != n.Incarnation || !beat.says(node, inc, after) {
			continue
		}
		votes++
		stays = node < n.ID && own.says(n.ID, n.Incarnation, 0)
	}
	if members == 2 {
		return votes == 1 && !stays, nil
	}
	return 2*votes > members, nil
}

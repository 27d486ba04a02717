// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// SetDraining says to all members that the member takes no actors, or that it does again. It fails with CodeFenced if
// the member has lost its lease.
func (r *Registry) SetDraining(ctx context.Context, m *Member, draining bool) error {
	id, inc := m.lease()
	_, err := transact(ctx, r, kv.TxOptions{Reserved: true}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		fence, node, err := readNode(ctx, tx, id)
		switch {
		case err != nil:
			return struct{}{}, err
		case fence.Incarnation != inc:
			return struct{}{}, errFenced(id)
		}
		if state := stateWhile(draining); node.State != state {
			node.State = state
			tx.Set(nodeKey(id), encodeRecord(&node))
			raiseMembership(tx)
		}
		return struct{}{}, nil
	})
	return err
}

func stateWhile(draining bool) NodeState {
	if draining {
		return NodeDraining
	}
	return NodeActive
}

// Forget removes what is known of a node that has left or failed, but for its fence, whose epoch must never fall.
// removed is false if the node holds a lease, or is not known.
func (r *Registry) Forget(ctx context.Context, id string) (removed bool, err error) {
	return transact(ctx, r, kv.TxOptions{Reserved: true}, func(ctx context.Context, tx kv.Tx) (bool, error) {
		fence, node, err := readNode(ctx, tx, id)
		if err != nil || node.ID == "" || fence.Incarnation != (Incarnation{}) {
			return false, err
		}
		tx.Clear(nodeKey(id))
		tx.Clear(beatKey(id))
		raiseMembership(tx)
		return true, nil
	})
}

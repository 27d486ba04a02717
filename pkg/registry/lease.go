// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Proof is what a node's fence said at a version of the store. Only a read of the store makes one.
type Proof struct {
	version     kv.Version
	incarnation Incarnation
	revocations uint64
}

// Fenced reports whether the proof says that the member's lease is gone.
func (p Proof) Fenced(m *Member) bool { return p.incarnation != m.Node.Incarnation }

// Version returns the version of the store at which the fence was read.
func (p Proof) Version() uint64 { return uint64(p.version) }

// Beaten is what a heartbeat brought back.
type Beaten struct {
	// Proof renews what the member holds; see Claim.Renew.
	Proof Proof
	// Membership is the membership counter.
	Membership uint64
	// Unattended counts the actors with something due that were released since the cluster began.
	Unattended uint64
	// Watched are the beats asked for, in that order; zero where there is none.
	Watched []Beat
}

// Beat makes one heartbeat: it writes the member's beat if the lease is still its own, and reads those
// of the watched nodes, without conflict, as members that read each other's beats would make each other try again. A
// fenced member finds out by Beaten.Proof; nothing is written then. If the commit
// fails or is unknown the error says so: that heartbeat does not count. unreachable are the members that the
// node can't reach.
func (r *Registry) Beat(ctx context.Context, m *Member, seq uint64, load api.Load, watch []string,
	unreachable ...Unreachable) (Beaten, error) {
	id, inc := m.lease()
	keys := [][]byte{fenceKey(id), membershipKey, unattendedKey}
	watchedFrom := len(keys)
	for _, w := range watch {
		keys = append(keys, beatKey(w))
	}
	return insist(ctx, r, kv.TxOptions{Priority: kv.PriorityHigh}, func(ctx context.Context, tx kv.Tx) (Beaten, error) {
		// All in one round trip, of which only the own fence is a conflict.
		vals, err := tx.Snapshot().GetAll(ctx, keys...)
		if err != nil {
			return Beaten{}, err
		}
		if err := tx.AddReadConflictRange(keys[0], kv.KeyAfter(keys[0])); err != nil {
			return Beaten{}, err
		}
		proof, err := decodeProof(ctx, tx, keys[0], vals[0])
		if err != nil {
			return Beaten{}, err
		}
		out := Beaten{Proof: proof, Membership: decodeCounter(vals[1]), Unattended: decodeCounter(vals[2]),
			Watched: make([]Beat, len(watch))}
		for i := range watch {
			if err := decodeRecord(keys[watchedFrom+i], vals[watchedFrom+i], &out.Watched[i]); err != nil {
				return Beaten{}, err
			}
		}
		if !proof.Fenced(m) {
			tx.Set(beatKey(id), encodeRecord(&Beat{Incarnation: inc, Seq: seq, Load: load,
				Unreachable: unreachable}))
		}
		return out, nil
	})
}

// Barrier reads the member's fence at a read version asked for after the call began. The
// proof that comes back vouches for everything that arrived before the call.
func (r *Registry) Barrier(ctx context.Context, m *Member) (Proof, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (Proof, error) {
		return readProof(ctx, tx, tx.Snapshot(), m.Node.ID)
	})
}

// readProof reads a node's fence through r, a reader of tx.
func readProof(ctx context.Context, tx kv.Tx, r kv.Reader, node string) (Proof, error) {
	if _, err := tx.ReadVersion(ctx); err != nil {
		return Proof{}, err
	}
	key := fenceKey(node)
	value, err := r.Get(ctx, key)
	if err != nil {
		return Proof{}, err
	}
	return decodeProof(ctx, tx, key, value)
}

// decodeProof makes a proof of a fence that tx has read.
func decodeProof(ctx context.Context, tx kv.Tx, key, value []byte) (Proof, error) {
	version, err := tx.ReadVersion(ctx) // which is known by now
	if err != nil {
		return Proof{}, err
	}
	var f Fence
	if err := decodeRecord(key, value, &f); err != nil {
		return Proof{}, err
	}
	return Proof{version: version, incarnation: f.Incarnation, revocations: f.Revocations}, nil
}

// LeaseInfo is a node's lease as the store has it.
type LeaseInfo struct {
	Node  NodeInfo
	Fence Fence
	Beat  Beat
}

// Leases returns the lease of every node that ever was a member, in order of name.
func (r *Registry) Leases(ctx context.Context) ([]LeaseInfo, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) ([]LeaseInfo, error) {
		nodes, err := scanRecords(ctx, tx.Snapshot(), kindNode, corruptNode)
		if err != nil {
			return nil, err
		}
		out := make([]LeaseInfo, len(nodes))
		for i, n := range nodes {
			out[i].Node = n
			vals, err := tx.Snapshot().GetAll(ctx, fenceKey(n.ID), beatKey(n.ID))
			if err != nil {
				return nil, err
			}
			err = decodeAll(field{fenceKey(n.ID), vals[0], &out[i].Fence}, field{beatKey(n.ID), vals[1], &out[i].Beat})
			if err != nil {
				out[i].Node.State, out[i].Fence, out[i].Beat = NodeCorrupt, Fence{}, Beat{}
			}
		}
		return out, nil
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"encoding/binary"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// TokensRaised is by how much a restore raises every token: above all that the cluster can have given out after the backup was made, so
// that whoever compares tokens outside takes those of before for the older ones.
const TokensRaised = 1 << 32

// SchemaRestoring is the schema of a store that is being restored: nodes refuse it.
const SchemaRestoring = -1

// StateRestorer makes what is restored of a part of an actor's state: nil is nothing. due is when the actor has something to do, in milliseconds since
// 1970, if the part says that; else 0.
type StateRestorer func(actor api.ActorID, key, value []byte) (restored []byte, due int64, err error)

// Restored returns what is restored of a pair of a backup, without the cluster's meta. The membership is left out, actors have no owners and
// higher tokens, and what is due is attended by nobody. unattended is how many entries of that there are among them. Keys that are not
// Kelpie's are restored as they are. Errors are CodeCorruptState.
func Restored(p kv.KeyValue, state StateRestorer) (pairs []kv.KeyValue, unattended int, err error) {
	t, err := tuple.Unpack(p.Key)
	if err != nil || len(t) < 2 || t[0] != prefix {
		return []kv.KeyValue{p}, 0, nil
	}
	corrupt := api.Errorf(api.CodeCorruptState, "the backup has a key or value that can't be read: %q", p.Key)
	switch t[1] {
	case kindMeta, kindMembership, kindNode, kindFence, kindBeat, kindDue, kindUnattended, kindTrial, kindQuarantine: // due is made of the actors' states
		return nil, 0, nil
	case kindNamespace, kindCall, kindDead, kindDeadBody:
		return []kv.KeyValue{p}, 0, nil
	case kindClaim:
		var c claimRecord
		if err := decodeRecord(p.Key, p.Value, &c); err != nil {
			return nil, 0, corrupt
		}
		c = claimRecord{Token: c.Token + TokensRaised}
		return []kv.KeyValue{{Key: p.Key, Value: encodeRecord(&c)}}, 0, nil
	case kindState:
		return restoredState(p, t, state, corrupt)
	}
	return nil, 0, corrupt
}

func restoredState(p kv.KeyValue, t tuple.Tuple, state StateRestorer, corrupt error) (pairs []kv.KeyValue, unattended int, err error) {
	if len(t) < 5 {
		return nil, 0, corrupt
	}
	ns, ok1 := t[2].(string)
	id, ok2 := t[3].(string)
	if !ok1 || !ok2 {
		return nil, 0, corrupt
	}
	actor := api.ActorID{Namespace: ns, ID: id}
	value, due, err := state(actor, p.Key[len(statePrefix(actor)):], p.Value)
	if err != nil {
		return nil, 0, err
	}
	if value != nil {
		pairs = append(pairs, kv.KeyValue{Key: p.Key, Value: value})
	}
	if due != 0 {
		pairs = append(pairs, kv.KeyValue{Key: dueKey(actor, due), Value: (&DueEntry{}).value()})
		unattended++
	}
	return pairs, unattended, nil
}

// Meta returns the cluster's, zero in an empty store.
func (r *Registry) Meta(ctx context.Context) (Meta, error) {
	return kv.Transact(ctx, r.env, r.store, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (m Meta, err error) {
		return m, read(ctx, tx.Snapshot(), metaKey, &m)
	})
}

// BeginRestore makes nodes refuse the store until EndRestore.
func (r *Registry) BeginRestore(ctx context.Context) error {
	return r.setMeta(ctx, Meta{ClusterID: "restoring", Schema: SchemaRestoring}, 0)
}

// EndRestore writes the cluster's meta, by which the restore is complete. unattended is the sum of what Restored has returned.
func (r *Registry) EndRestore(ctx context.Context, m Meta, unattended int) error {
	return r.setMeta(ctx, m, unattended)
}

// setMeta is repeated when nobody knows whether it was committed: it has the same effect again.
func (r *Registry) setMeta(ctx context.Context, m Meta, unattended int) error {
	for {
		_, err := kv.Transact(ctx, r.env, r.store, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
			tx.Set(metaKey, encodeRecord(&m))
			if unattended > 0 {
				tx.Set(unattendedKey, binary.LittleEndian.AppendUint64(nil, uint64(unattended)))
			}
			return struct{}{}, nil
		})
		if err == nil || kv.NeverCommitted(err) || ctx.Err() != nil {
			return err
		}
	}
}

// DecodeMeta reads the cluster's meta if the pair is it. Errors are CodeCorruptState.
func DecodeMeta(p kv.KeyValue) (m Meta, is bool, err error) {
	if string(p.Key) != string(metaKey) {
		return m, false, nil
	}
	if err := decodeRecord(p.Key, p.Value, &m); err != nil {
		return m, true, api.Errorf(api.CodeCorruptState, "the cluster's meta can't be read: %v", err)
	}
	return m, true, nil
}

// Living returns the member whose heartbeat another look finds changed, "" if there is none. wait blocks for as long as two heartbeats take.
func (r *Registry) Living(ctx context.Context, wait func(m Meta) error) (string, error) {
	m, err := r.Meta(ctx)
	if err != nil {
		return "", err
	}
	before, err := r.Leases(ctx)
	if err != nil {
		return "", err
	}
	beats := make(map[string]uint64)
	for _, l := range before {
		if l.Fence.Incarnation != (Incarnation{}) {
			beats[l.Node.ID] = l.Beat.Seq
		}
	}
	if len(beats) == 0 {
		return "", nil
	}
	if err := wait(m); err != nil {
		return "", err
	}
	after, err := r.Leases(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range after {
		if seq, ok := beats[l.Node.ID]; ok && l.Beat.Seq != seq && l.Fence.Incarnation != (Incarnation{}) {
			return l.Node.ID, nil
		}
	}
	return "", nil
}

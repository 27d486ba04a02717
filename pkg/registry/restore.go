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

// TokensRaised is by how much a restore raises every token: above all that the cluster can have given out after the
// backup was made, so that whoever compares tokens outside takes those of before for the older ones.
const TokensRaised = 1 << 32

// CommitsRaised is by how much the first commit of an actor after a restore exceeds every commit that the backup
// tells of. Messages have their numbers of the commits of their senders, and receivers keep the highest number that
// is done: where a backup is of one moment for each actor alone, a receiver's may exceed all that is in the backup of
// the sender, which may not be in there at all.
const CommitsRaised = 1 << 32

// commitsMax is more than any cluster commits. What exceeds it is the mark of a message that no actor has sent, as
// nodes once took them from anybody.
const commitsMax = 1 << 50

// SchemaRestoring is the schema of a store that is being restored: nodes refuse it.
const SchemaRestoring = -1

// RestoredPart is what is restored of a part of an actor's state.
type RestoredPart struct {
	// Value is what the part has; nil is nothing.
	Value []byte
	// Due is when the actor has something to do, in milliseconds since 1970, if the part says that; else 0.
	Due int64
	// Commits is the highest number of a commit, of any actor, that the part tells of; 0 for none.
	Commits uint64
}

// StateRestorer makes what is restored of a part of an actor's state.
type StateRestorer func(actor api.ActorID, key, value []byte) (RestoredPart, error)

// Restoration is what is restored of a pair of a backup.
type Restoration struct {
	Pairs []kv.KeyValue
	// Unattended is how many entries of what is due there are among them.
	Unattended int
	// Commits is the highest number of a commit that the pair tells of, Tokens the highest token before the restore; 0
	// for none.
	Commits, Tokens uint64
}

// Restored returns what is restored of a pair of a backup, without the cluster's meta. The membership is left out,
// actors have no owners and higher tokens, and what is due is attended by nobody. Keys that are not Kelpie's are
// restored as they are. Errors are CodeCorruptState.
func Restored(p kv.KeyValue, state StateRestorer) (Restoration, error) {
	asItIs := Restoration{Pairs: []kv.KeyValue{p}}
	t, err := tuple.Unpack(p.Key)
	if err != nil || len(t) < 2 || t[0] != prefix {
		return asItIs, nil
	}
	corrupt := api.Errorf(api.CodeCorruptState, "the backup has a key or value that can't be read: %q", p.Key)
	switch t[1] {
	case kindMembership, kindNode, kindFence, kindBeat, kindDue, kindUnattended, kindTrial, kindQuarantine:
		// due is made of the actors' states
		return Restoration{}, nil
	case kindMeta:
		var m Meta
		if err := decodeRecord(p.Key, p.Value, &m); err != nil {
			return Restoration{}, corrupt
		}
		return Restoration{Commits: m.Commits, Tokens: m.Tokens}, nil
	case kindNamespace, kindDead, kindDeadBody:
		return asItIs, nil
	case kindCall:
		var s seqRecord
		if err := decodeRecord(p.Key, p.Value, &s); err != nil {
			return Restoration{}, corrupt
		}
		asItIs.Commits = s.N
		return asItIs, nil
	case kindClaim:
		var c claimRecord
		if err := decodeRecord(p.Key, p.Value, &c); err != nil {
			return Restoration{}, corrupt
		}
		raised := claimRecord{Token: c.Token + TokensRaised}
		return Restoration{Pairs: []kv.KeyValue{{Key: p.Key, Value: encodeRecord(&raised)}}, Tokens: c.Token}, nil
	case kindState:
		return restoredState(p, t, state, corrupt)
	}
	return Restoration{}, corrupt
}

func restoredState(p kv.KeyValue, t tuple.Tuple, state StateRestorer, corrupt error) (Restoration, error) {
	if len(t) < 5 {
		return Restoration{}, corrupt
	}
	ns, ok1 := t[2].(string)
	id, ok2 := t[3].(string)
	if !ok1 || !ok2 {
		return Restoration{}, corrupt
	}
	actor := api.ActorID{Namespace: ns, ID: id}
	part, err := state(actor, p.Key[len(statePrefix(actor)):], p.Value)
	if err != nil {
		return Restoration{}, err
	}
	out := Restoration{Commits: part.Commits}
	if part.Value != nil {
		out.Pairs = append(out.Pairs, kv.KeyValue{Key: p.Key, Value: part.Value})
	}
	if part.Due != 0 {
		out.Pairs = append(out.Pairs, kv.KeyValue{Key: dueKey(actor, part.Due), Value: (&DueEntry{}).value()})
		out.Unattended++
	}
	return out, nil
}

// Meta returns the cluster's, zero in an empty store.
func (r *Registry) Meta(ctx context.Context) (Meta, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (m Meta, err error) {
		return m, read(ctx, tx.Snapshot(), metaKey, &m)
	})
}

// BeginRestore makes nodes refuse the store until EndRestore.
func (r *Registry) BeginRestore(ctx context.Context) error {
	return r.setMeta(ctx, Meta{ClusterID: "restoring", Schema: SchemaRestoring}, 0)
}

// EndRestore writes the cluster's meta, by which the restore is complete. Of what Restored has returned, sum is the sum
// of Unattended, and the greatest of Commits and of Tokens.
func (r *Registry) EndRestore(ctx context.Context, m Meta, sum Restoration) error {
	m.Commits = min(sum.Commits, commitsMax) + CommitsRaised
	m.Tokens = sum.Tokens + TokensRaised
	return r.setMeta(ctx, m, sum.Unattended)
}

// setMeta is repeated when nobody knows whether it was committed: it has the same effect again.
func (r *Registry) setMeta(ctx context.Context, m Meta, unattended int) error {
	for {
		_, err := run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			if _, err := tx.Get(ctx, metaKey); err != nil { // so that an attempt that comes late is refused
				return struct{}{}, err
			}
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

// WhileRestoring has a transaction fail unless a restore is under way when it is committed: one of unknown outcome
// that comes late must not overwrite what nodes have written since. Errors are CodeFailedPrecondition and the store's.
func WhileRestoring(ctx context.Context, tx kv.Tx) error {
	var m Meta
	if err := read(ctx, tx, metaKey, &m); err != nil {
		return err
	}
	if m.Schema != SchemaRestoring {
		return api.Errorf(api.CodeFailedPrecondition, "another command has ended the restore, or begun one: restore "+
			"again with --force")
	}
	return nil
}

// Living returns the member whose heartbeat another look finds changed, "" if there is none. wait blocks for as long
// as two heartbeats take.
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

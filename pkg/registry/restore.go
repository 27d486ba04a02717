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
// backup was made, so that systems that compare tokens take those issued before for the older ones.
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
	if err != nil || len(t) < 2 || t[0] != Prefix {
		return asItIs, nil
	}
	corrupt := api.Errorf(api.CodeCorruptState, "the backup has a key or value that can't be read: %q", p.Key)
	switch t[1] {
	case kindMembership, kindNode, kindFence, kindBeat, kindDue, kindUnattended, kindTrial, kindQuarantine, kindEvent:
		// due is made of the actors' states; events are of nodes
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

// Restoring is a restore that has begun: it writes to the store as long as no other one has taken its place.
type Restoring struct {
	registry *Registry
	owner    string
}

// BeginRestore makes nodes refuse the store until End, and ends every restore that is under way. With clear it deletes
// all that is in the store; without, a store that is not empty is CodeFailedPrecondition. It blocks until that is known
// or ctx ends.
func (r *Registry) BeginRestore(ctx context.Context, clear bool) (*Restoring, error) {
	s := &Restoring{registry: r, owner: Incarnation(r.random.Bytes16()).String()}
	_, err := transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var m Meta
		if err := read(ctx, tx, metaKey, &m); err != nil && !damaged(err) {
			return struct{}{}, err
		}
		if s.owns(m) { // an earlier attempt, whose outcome was not known
			return struct{}{}, nil
		}
		if !clear {
			if err := checkEmpty(ctx, tx, m); err != nil {
				return struct{}{}, err
			}
		}
		tx.ClearRange(nil, kv.KeySpaceEnd())
		tx.Set(metaKey, encodeRecord(&Meta{ClusterID: "restoring", Schema: SchemaRestoring, Restore: s.owner}))
		return struct{}{}, nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func checkEmpty(ctx context.Context, tx kv.Tx, m Meta) error {
	pairs, _, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{Limit: 1})
	switch {
	case err != nil || len(pairs) == 0:
		return err
	case m.Schema == SchemaRestoring:
		return api.Errorf(api.CodeFailedPrecondition, "a restore into the store has begun, and has not ended: wait "+
			"for it, or, if it runs no more, give --force to delete what it has written; --force ends one that runs")
	}
	return api.Errorf(api.CodeFailedPrecondition, "the store is not empty: restore into another one, or give --force "+
		"to delete all that is in it")
}

func (s *Restoring) owns(m Meta) bool {
	return m.Schema == SchemaRestoring && m.Restore == s.owner
}

// Write writes pairs as they are. It blocks until they are durable, or ctx ends. Errors are CodeFailedPrecondition if
// another restore has begun, of whose cluster the store is then, and the store's.
func (s *Restoring) Write(ctx context.Context, pairs []kv.KeyValue) error {
	return s.transact(ctx, func(tx kv.Tx) { WriteRestored(tx, pairs) })
}

// End writes the cluster's meta, by which the restore is complete. Of what Restored has returned, sum is the sum of
// Unattended, and the greatest of Commits and of Tokens. Errors are as those of Write.
func (s *Restoring) End(ctx context.Context, m Meta, sum Restoration) error {
	m.Commits = min(sum.Commits, commitsMax) + CommitsRaised
	m.Tokens = sum.Tokens + TokensRaised
	m.Restore = s.owner
	return s.transact(ctx, func(tx kv.Tx) {
		tx.Set(metaKey, encodeRecord(&m))
		if sum.Unattended > 0 {
			tx.Set(unattendedKey, binary.LittleEndian.AppendUint64(nil, uint64(sum.Unattended)))
		}
	})
}

// transact commits a part of the restore, if the restore has the store. A part whose outcome is in doubt is written
// again, which has the same effect.
func (s *Restoring) transact(ctx context.Context, write func(tx kv.Tx)) error {
	_, err := transact(ctx, s.registry, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var m Meta
		switch err := read(ctx, tx, metaKey, &m); {
		case err != nil:
			return struct{}{}, err
		case m.Restore != s.owner:
			return struct{}{}, api.Errorf(api.CodeFailedPrecondition, "another restore into the store has begun, and "+
				"has ended this one")
		case m.Schema == SchemaRestoring: // else End has done it
			write(tx)
		}
		return struct{}{}, nil
	})
	return err
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

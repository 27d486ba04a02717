// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// JoinSpec is what a node brings along when it joins.
type JoinSpec struct {
	// Node is the node's own description. Incarnation, Epoch, State and Started are filled in by Join.
	Node NodeInfo
	// LeaseTTL and Heartbeat are what the node was told to use; 0 is whatever the cluster has.
	LeaseTTL, Heartbeat time.Duration
	// ClusterID is the cluster that the store must hold; "" is any.
	ClusterID string
	// Namespaces are the settings of the namespaces that the node hosts, kept if the cluster has none yet.
	Namespaces []Namespace
	// Replaces is the incarnation that a fenced process had: it joins again only while node/ still holds
	// that. The zero value joins in place of any process that had the name before.
	Replaces Incarnation
	// Draining joins as a node that takes no actors.
	Draining bool
}

// Member is a node's own membership, as a successful Join or Rejoin made it.
type Member struct {
	Meta Meta
	Node NodeInfo
	// LastEvent is the number of the last event that a process of the node's name has stored, 0 if there is none.
	LastEvent uint64
}

// lease returns who the member is to the lease protocol.
func (m *Member) lease() (node string, inc Incarnation) { return m.Node.ID, m.Node.Incarnation }

// Join makes the node a member under a fresh incarnation. Its former self, if any, loses
// its lease in the same transaction, so its actors can be taken at once. It blocks on the store until
// ctx ends. Errors are CodeMismatch for another cluster, schema or lease time, CodeFailedPrecondition for a kind that
// is declared durable or volatile otherwise than its actors are kept, and CodeFenced if spec.Replaces is no longer
// the node's incarnation.
func (r *Registry) Join(ctx context.Context, spec JoinSpec) (*Member, error) {
	// One for each attempt: an attempt that nobody knew the outcome of may have happened, and have been fenced since.
	var tried []Incarnation
	clusterID := r.random.Bytes16()
	return insistTransact(ctx, r, kv.TxOptions{Reserved: true}, func(ctx context.Context, tx kv.Tx) (*Member, error) {
		meta, err := r.ensureMeta(ctx, tx, spec, hex.EncodeToString(clusterID[:]))
		if err != nil {
			return nil, err
		}
		id := spec.Node.ID
		fence, node, err := readNode(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		last, err := lastEvent(ctx, tx, id) // with a conflict, as the former process may be storing more
		if err != nil {
			return nil, err
		}
		if slices.Contains(tried, fence.Incarnation) { // R7: an earlier attempt of this very join has happened
			return &Member{Meta: meta, Node: node, LastEvent: last}, nil
		}
		// The name is this process's own if it is as the process left it, or as an earlier attempt made it that has
		// been fenced since.
		own := append([]Incarnation{spec.Replaces}, tried...)
		if spec.Replaces != (Incarnation{}) && !slices.Contains(own, node.Incarnation) {
			return nil, errNameTaken(&node, id)
		}
		mine := Incarnation(r.random.Bytes16())
		tried = append(tried, mine)
		node = spec.Node
		node.Incarnation, node.Epoch = mine, fence.Epoch+1
		node.State, node.Started = stateWhile(spec.Draining), r.env.Now().Round(0)
		fence.Epoch, fence.Incarnation = fence.Epoch+1, mine
		tx.Set(fenceKey(id), encodeRecord(&fence))
		tx.Set(nodeKey(id), encodeRecord(&node))
		tx.Set(beatKey(id), encodeRecord(&Beat{Incarnation: mine}))
		raiseMembership(tx)
		if err := ensureNamespaces(ctx, tx, id, spec.Namespaces); err != nil {
			return nil, err
		}
		return &Member{Meta: meta, Node: node, LastEvent: last}, nil
	})
}

// errNameTaken says what the store has under the name of a process that was fenced, and is not that process.
func errNameTaken(now *NodeInfo, id string) error {
	if now.Incarnation == (Incarnation{}) {
		return api.Errorf(api.CodeFenced, "the store no longer knows node %s: an operator has removed it, or the "+
			"store was emptied or replaced; start the node again to join", id)
	}
	return api.Errorf(api.CodeFenced, "node %s: another process has taken this name since (at %s); stop one of the "+
		"two, or give this one another --node-id", id, now.Address)
}

// Leave gives the lease up: everything that the member owns can be taken at once. It does
// nothing if the lease is no longer the member's.
func (r *Registry) Leave(ctx context.Context, m *Member) error {
	id, inc := m.lease()
	_, err := r.endLease(ctx, id, NodeLeft, func(_ context.Context, _ kv.Tx, f Fence) (bool, error) {
		return f.Incarnation == inc, nil
	})
	return err
}

// FenceSilent fences a node whose beat has not changed from the one seen, and reports
// whether it did: not if the node has beaten since or has another incarnation.
func (r *Registry) FenceSilent(ctx context.Context, node string, seen Beat) (bool, error) {
	f, err := r.endLease(ctx, node, NodeFailed, func(ctx context.Context, tx kv.Tx, f Fence) (bool, error) {
		var now Beat
		if err := read(ctx, tx, beatKey(node), &now); err != nil {
			return false, err
		}
		same := now.Incarnation == seen.Incarnation && now.Seq == seen.Seq
		return same && f.Incarnation == seen.Incarnation, nil
	})
	return f != nil, err
}

// BreakLease fences a node whatever its beats say. It returns the new fence, or nil if the node held no lease.
func (r *Registry) BreakLease(ctx context.Context, node string) (*Fence, error) {
	return r.endLease(ctx, node, NodeFailed, func(context.Context, kv.Tx, Fence) (bool, error) { return true, nil })
}

// endLease takes a node's lease away if it has one and the condition holds, and
// leaves the node in the given state. It returns the new fence, nil if nothing was done.
func (r *Registry) endLease(ctx context.Context, id string, state NodeState,
	cond func(context.Context, kv.Tx, Fence) (bool, error)) (*Fence, error) {
	return insistTransact(ctx, r, kv.TxOptions{Priority: kv.PriorityHigh},
		func(ctx context.Context, tx kv.Tx) (*Fence, error) {
			fence, node, err := readNode(ctx, tx, id)
			if err != nil || fence.Incarnation == (Incarnation{}) {
				return nil, err
			}
			if ok, err := cond(ctx, tx, fence); err != nil || !ok {
				return nil, err
			}
			fence.Epoch++
			if state == NodeLeft {
				fence.Left = fence.Incarnation
			}
			fence.Incarnation = Incarnation{}
			node.State = state
			tx.Set(fenceKey(id), encodeRecord(&fence))
			tx.Set(nodeKey(id), encodeRecord(&node))
			raiseMembership(tx)
			return &fence, nil
		})
}

// View reads the membership. Like Join, it goes on while there is no contact with the store: until ctx ends.
func (r *Registry) View(ctx context.Context) (*View, error) {
	return insist(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (*View, error) {
		counter, err := tx.Snapshot().Get(ctx, membershipKey)
		if err != nil {
			return nil, err
		}
		version, err := tx.ReadVersion(ctx) // which is known by now
		if err != nil {
			return nil, err
		}
		v := &View{Counter: decodeCounter(counter), Version: uint64(version)}
		if v.Nodes, err = scanRecords(ctx, tx.Snapshot(), kindNode, corruptNode); err != nil {
			return nil, err
		}
		v.Namespaces, err = scanRecords(ctx, tx.Snapshot(), kindNamespace, func(name string) (ns Namespace, keep bool) {
			v.CorruptNamespaces = append(v.CorruptNamespaces, name)
			return ns, false
		})
		return v, err
	})
}

// ReadMeta returns the cluster's meta; ClusterID is "" if the store holds no cluster yet.
func (r *Registry) ReadMeta(ctx context.Context) (Meta, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (m Meta, err error) {
		err = read(ctx, tx.Snapshot(), metaKey, &m)
		return m, err
	})
}

// ReadNode returns what is known of a node, a zero NodeInfo if nothing.
func (r *Registry) ReadNode(ctx context.Context, id string) (NodeInfo, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (n NodeInfo, err error) {
		err = read(ctx, tx.Snapshot(), nodeKey(id), &n)
		return n, err
	})
}

// ensureMeta reads the cluster's meta, or makes it in an empty store, and compares it with what the node was told.
func (r *Registry) ensureMeta(ctx context.Context, tx kv.Tx, spec JoinSpec, newClusterID string) (Meta, error) {
	var m Meta
	if err := read(ctx, tx, metaKey, &m); err != nil {
		return m, err
	}
	if m.ClusterID == "" {
		if spec.ClusterID != "" {
			return m, api.Errorf(api.CodeMismatch, "the store is empty, but the node was told to join cluster %s: "+
				"check --store", spec.ClusterID)
		}
		m = Meta{ClusterID: newClusterID, Schema: SchemaVersion}
		m.LeaseTTL, m.Heartbeat = Times(spec.LeaseTTL, spec.Heartbeat)
		if err := ValidateTimes(m.LeaseTTL, m.Heartbeat); err != nil {
			return m, err
		}
		tx.Set(metaKey, encodeRecord(&m))
		return m, nil
	}
	return m, m.accept(spec)
}

func (m *Meta) accept(spec JoinSpec) error {
	switch {
	case m.Schema == SchemaRestoring:
		return api.Errorf(api.CodeMismatch, "the store holds an unfinished restore: wait for it, or start it "+
			"again with --force")
	case m.Schema > SchemaVersion:
		return api.Errorf(api.CodeMismatch, "the store has schema %d, of a later kelpie, and this program uses "+
			"%d: use the version that the cluster runs", m.Schema, SchemaVersion)
	case m.Schema != SchemaVersion:
		return api.Errorf(api.CodeMismatch, "the store has schema %d and this program uses %d: use the version "+
			"that the cluster runs, or stop all nodes and see \"kelpie store migrate\"", m.Schema, SchemaVersion)
	case spec.ClusterID != "" && spec.ClusterID != m.ClusterID:
		return api.Errorf(api.CodeMismatch, "the store holds cluster %s, not %s: check --join and --store",
			m.ClusterID, spec.ClusterID)
	case spec.LeaseTTL != 0 && spec.LeaseTTL != m.LeaseTTL:
		return api.Errorf(api.CodeMismatch, "--lease-ttl %v differs from the cluster's %v, which its first node "+
			"set; leave the flag out", spec.LeaseTTL, m.LeaseTTL)
	case spec.Heartbeat != 0 && spec.Heartbeat != m.Heartbeat:
		return api.Errorf(api.CodeMismatch, "--heartbeat %v differs from the cluster's %v, which its first node "+
			"set; leave the flag out", spec.Heartbeat, m.Heartbeat)
	}
	return nil
}

// Times returns the lease time and the heartbeat that a new cluster gets where a node says these; 0 is the default.
func Times(leaseTTL, heartbeat time.Duration) (time.Duration, time.Duration) {
	if leaseTTL == 0 {
		leaseTTL = DefaultLeaseTTL
	}
	if heartbeat == 0 {
		heartbeat = min(DefaultHeartbeat, leaseTTL/beatsPerTTLMin)
	}
	return leaseTTL, heartbeat
}

// ValidateTimes checks a lease time against a heartbeat. Errors are CodeInvalidArgument.
func ValidateTimes(leaseTTL, heartbeat time.Duration) error {
	switch {
	case heartbeat < heartbeatMin:
		return api.Errorf(api.CodeInvalidArgument, "--heartbeat %v: must be at least %v", heartbeat, heartbeatMin)
	case leaseTTL > leaseTTLMax:
		return api.Errorf(api.CodeInvalidArgument, "--lease-ttl %v: must be at most %v", leaseTTL, leaseTTLMax)
	case leaseTTL < beatsPerTTLMin*heartbeat:
		return api.Errorf(api.CodeInvalidArgument, "--lease-ttl %v: must be at least %d heartbeats of %v", leaseTTL,
			beatsPerTTLMin, heartbeat)
	}
	return nil
}

func readNode(ctx context.Context, r kv.Reader, id string) (f Fence, n NodeInfo, err error) {
	vals, err := r.GetAll(ctx, fenceKey(id), nodeKey(id))
	if err != nil {
		return f, n, err
	}
	if err = decodeRecord(fenceKey(id), vals[0], &f); err == nil && decodeRecord(nodeKey(id), vals[1], &n) != nil {
		n = NodeInfo{ID: id, State: NodeCorrupt} // which can still be fenced, removed, and rewritten
	}
	return f, n, err
}

// read decodes the value of key into v, which stays as it is if there is none.
func read(ctx context.Context, r kv.Reader, key []byte, v any) error {
	b, err := r.Get(ctx, key)
	if err != nil {
		return err
	}
	return decodeRecord(key, b, v)
}

func corruptNode(id string) (NodeInfo, bool) { return NodeInfo{ID: id, State: NodeCorrupt}, true }

// scanRecords reads all records of a kind, in order of key. corrupt says what stands for one that can't be read, if
// anything.
func scanRecords[T any](ctx context.Context, r kv.Reader, kind string, corrupt func(name string) (T, bool)) (
	[]T, error) {
	begin, end := kindRange(kind)
	var out []T
	err := kv.Scan(ctx, r, begin, end, kv.RangeOptions{}, func(p kv.KeyValue) error {
		var v T
		if decodeRecord(p.Key, p.Value, &v) != nil {
			stand, keep := corrupt(recordName(p.Key))
			if keep {
				out = append(out, stand)
			}
			return nil
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// recordName is the last element of a record's key.
func recordName(key []byte) string {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) == 0 {
		return ""
	}
	name, _ := t[len(t)-1].(string)
	return name
}

func raiseMembership(tx kv.Tx) {
	tx.Atomic(kv.AtomicAdd, membershipKey, binary.LittleEndian.AppendUint64(nil, 1))
}

func decodeCounter(b []byte) uint64 {
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:])
}

// AwaitMembership blocks until the membership counter differs from the one given. An
// error may also say that the watch was lost.
func (r *Registry) AwaitMembership(ctx context.Context, counter uint64) error {
	watch, err := run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (kv.Watch, error) {
		now, err := tx.Snapshot().Get(ctx, membershipKey)
		if err != nil || decodeCounter(now) != counter {
			return nil, err
		}
		return tx.Watch(ctx, membershipKey)
	})
	if err != nil || watch == nil {
		return err
	}
	defer watch.Cancel()
	return watch.Wait(ctx)
}

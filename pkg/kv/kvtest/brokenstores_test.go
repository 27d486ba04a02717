// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// brokenStore is a store that breaks the contract.
type brokenStore struct {
	breaks string
	open   func(kv.Store) kv.Store
	// caught is the parts of the suite that must find it.
	caught string
}

// brokenStores are made of good ones by replacing some of a transaction's methods.
var brokenStores = []brokenStore{
	{"loses the read conflicts of keys", breaking(func(tx kv.Tx) kv.Tx { return blindGet{tx} }),
		"Scripts Random WriteSkew SnapshotReads Edges/Conflict Transact Cycle ConflictRange Serializability " +
			"ExactConflicts Crowd"},
	{"loses the read conflicts of ranges", breaking(func(tx kv.Tx) kv.Tx { return blindRange{tx} }),
		"Random Phantoms ConflictRange Serializability ExactConflicts RangeSkew"},
	{"loses the read conflicts of selectors", breaking(func(tx kv.Tx) kv.Tx { return blindGetKey{tx} }),
		"Scripts Phantoms ConflictRange ExactConflicts"},
	{"loses explicit read conflicts", breaking(func(tx kv.Tx) kv.Tx { return noReadConflicts{tx} }),
		"Random History SnapshotReads ExactConflicts"},
	{"drops write conflict ranges", breaking(func(tx kv.Tx) kv.Tx { return noWriteConflicts{tx} }),
		"Random SnapshotReads ExactConflicts RangeSkew"},
	{"reads a byte too far", breaking(func(tx kv.Tx) kv.Tx { return wideGet{tx} }), "Random ExactConflicts"},
	{"has limited reads conflict with the whole range", breaking(func(tx kv.Tx) kv.Tx { return wideRange{tx} }),
		"Random Phantoms ExactConflicts"},
	{"has snapshot reads conflict", breaking(func(tx kv.Tx) kv.Tx { return conflictingSnapshot{tx} }),
		"Random SnapshotReads"},
	{"returns torn snapshots", func(s kv.Store) kv.Store { return &torn{Store: s} },
		"Random Cycle Serializability Increments"},
	{"reads what is old", func(s kv.Store) kv.Store { return &stale{Store: s} },
		"Random ReadVersions StampOrder Serializability"},
	{"hides the own writes", func(s kv.Store) kv.Store {
		return &wrapped{Store: s, wrap: func(tx kv.Tx) kv.Tx { return forgetful{tx, s} }}
	}, "Random OwnWrites"},
	{"returns one row more than the limit", breaking(func(tx kv.Tx) kv.Tx { return generous{tx} }),
		"Random Phantoms WriteDuringRead ExactConflicts"},
	{"never says that there is more", breaking(func(tx kv.Tx) kv.Tx { return noMore{tx} }),
		"Random Edges/TransactionBytes RangePages WriteDuringRead"},
	{"clears the end of a range too", breaking(func(tx kv.Tx) kv.Tx { return wideClear{tx} }),
		"Scripts Random ConflictRange ExactConflicts"},
	{"sets instead of adding", breaking(func(tx kv.Tx) kv.Tx { return setsAtomics{tx} }),
		"Random Edges/BlindAdds AtomicOps WriteDuringRead OwnWrites Crowd"},
	{"reorders versionstamps", func(s kv.Store) kv.Store {
		n := new(atomic.Int64)
		return &wrapped{Store: s, wrap: func(tx kv.Tx) kv.Tx { return &backwardStamps{Tx: tx, n: n} }}
	}, "Versionstamps AtomicOps Unreadable StampOrder"},
	{"loses watches", breaking(func(tx kv.Tx) kv.Tx { return deaf{tx} }),
		"Watches WatchEnds Edges/Watch Edges/WatchUnreadable Edges/WatchBeforeStamp"},
	{"reads the key of a watch", breaking(func(tx kv.Tx) kv.Tx { return readingWatch{tx} }),
		"Edges/WatchUnreadable Machine"},
	{"arms watches of unreadable keys", breaking(func(tx kv.Tx) kv.Tx { return jumpy{tx} }),
		"Edges/WatchUnreadable Edges/WatchAfterUnreadable"},
	{"fires watches of no change", breaking(func(tx kv.Tx) kv.Tx { return jumpy{tx} }),
		"Watches WatchEnds Edges/Watch"},
	{"applies what it said to be a conflict", func(s kv.Store) kv.Store {
		return &applier{Store: s, when: onConflict}
	}, "Random Transact Cycle Increment Serializability"},
	{"commits in halves", func(s kv.Store) kv.Store { return &applier{Store: s, when: inHalves} },
		"Random Edges/ValueBytes Edges/TransactionBytes Cycle Increment Serializability RangeSkew"},
	{"keeps the slices that it is given", func(s kv.Store) kv.Store { return &applier{Store: s, when: late} },
		"Ownership OwnWrites"},
	{"forgets a commit", func(s kv.Store) kv.Store { return &everyTenth{Store: s, err: nil} },
		"Random ReadVersions Increment AtomicOps Serializability StampOrder"},
	{"reports conflicts where there are none", func(s kv.Store) kv.Store {
		return &everyTenth{Store: s, err: kv.ErrConflict}
	}, "Random History AtomicOps ConflictRange ExactConflicts StampOrder Crowd"},
	{"commits what was cancelled", breaking(func(tx kv.Tx) kv.Tx { return uncancelled{tx} }),
		"Edges/Ended Edges/Watch Cancelled"},
	{"says conflict when it does not know", breaking(func(tx kv.Tx) kv.Tx { return sure{tx} }), "Edges/Timeout Close"},
	{"cuts long values", breaking(func(tx kv.Tx) kv.Tx { return cutting{tx} }), "Edges/ValueBytes"},
	{"has no end of the key space", breaking(func(tx kv.Tx) kv.Tx { return endless{tx} }), "Edges/KeySpace"},
}

// wrapped is a store whose transactions are replaced.
type wrapped struct {
	kv.Store
	wrap func(kv.Tx) kv.Tx
}

func (s *wrapped) Begin(opt kv.TxOptions) kv.Tx { return s.wrap(s.Store.Begin(opt)) }

func breaking(wrap func(kv.Tx) kv.Tx) func(kv.Store) kv.Store {
	return func(s kv.Store) kv.Store { return &wrapped{Store: s, wrap: wrap} }
}

type blindGet struct{ kv.Tx }

func (tx blindGet) Get(ctx context.Context, key []byte) ([]byte, error) {
	return tx.Snapshot().Get(ctx, key)
}

type blindRange struct{ kv.Tx }

func (tx blindRange) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	return tx.Snapshot().Range(ctx, begin, end, opt)
}

type blindGetKey struct{ kv.Tx }

func (tx blindGetKey) GetKey(ctx context.Context, sel kv.KeySelector) ([]byte, error) {
	return tx.Snapshot().GetKey(ctx, sel)
}

type noReadConflicts struct{ kv.Tx }

func (tx noReadConflicts) AddReadConflictRange(begin, end []byte) error {
	return inverted(begin, end)
}

type noWriteConflicts struct{ kv.Tx }

func (tx noWriteConflicts) AddWriteConflictRange(begin, end []byte) error {
	return inverted(begin, end)
}

func inverted(begin, end []byte) error {
	if bytes.Compare(begin, end) > 0 {
		return kv.ErrInvalidRange
	}
	return nil
}

type wideGet struct{ kv.Tx }

func (tx wideGet) Get(ctx context.Context, key []byte) ([]byte, error) {
	value, err := tx.Tx.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return value, tx.AddReadConflictRange(key, kv.KeyAfter(kv.KeyAfter(key)))
}

type wideRange struct{ kv.Tx }

func (tx wideRange) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	found, more, err := tx.Tx.Range(ctx, begin, end, opt)
	if err == nil && bytes.Compare(begin, end) < 0 {
		err = tx.AddReadConflictRange(begin, end)
	}
	return found, more, err
}

type conflictingSnapshot struct{ kv.Tx }

func (tx conflictingSnapshot) Snapshot() kv.Reader { return tx.Tx }

// torn reads every second key as it was a few commits ago.
type torn struct {
	kv.Store
	versions []kv.Version
	reads    int
}

func (s *torn) Begin(opt kv.TxOptions) kv.Tx { return tornTx{s.Store.Begin(opt), s} }

type tornTx struct {
	kv.Tx
	store *torn
}

func (tx tornTx) Get(ctx context.Context, key []byte) ([]byte, error) {
	value, err := tx.Tx.Get(ctx, key)
	n := len(tx.store.versions)
	if tx.store.reads++; tx.store.reads%2 == 0 || n < 3 || err != nil {
		return value, err
	}
	older := tx.store.Store.Begin(kv.TxOptions{})
	older.SetReadVersion(tx.store.versions[n-3])
	return older.Get(ctx, key)
}

func (tx tornTx) Commit(ctx context.Context) error {
	err := tx.Tx.Commit(ctx)
	if v := tx.CommittedVersion(); v != 0 {
		tx.store.versions = append(tx.store.versions, v)
	}
	return err
}

// stale begins transactions at the version of the commit before the last.
type stale struct {
	kv.Store
	last, before kv.Version
}

func (s *stale) Begin(opt kv.TxOptions) kv.Tx {
	tx := s.Store.Begin(opt)
	if s.before != 0 {
		tx.SetReadVersion(s.before)
	}
	return staleTx{tx, s}
}

type staleTx struct {
	kv.Tx
	store *stale
}

func (tx staleTx) SetReadVersion(v kv.Version) {
	tx.Tx.Reset()
	tx.Tx.SetReadVersion(v)
}

func (tx staleTx) Commit(ctx context.Context) error {
	err := tx.Tx.Commit(ctx)
	if v := tx.CommittedVersion(); v != 0 {
		tx.store.before, tx.store.last = tx.store.last, v
	}
	return err
}

// forgetful reads without the transaction's own writes.
type forgetful struct {
	kv.Tx
	store kv.Store
}

func (tx forgetful) Get(ctx context.Context, key []byte) ([]byte, error) {
	if _, err := tx.Tx.Get(ctx, key); err != nil {
		return nil, err
	}
	v, err := tx.ReadVersion(ctx)
	if err != nil {
		return nil, err
	}
	other := tx.store.Begin(kv.TxOptions{})
	other.SetReadVersion(v)
	return other.Get(ctx, key)
}

type generous struct{ kv.Tx }

func (tx generous) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	if opt.Limit > 0 {
		opt.Limit++
	}
	return tx.Tx.Range(ctx, begin, end, opt)
}

type noMore struct{ kv.Tx }

func (tx noMore) Range(ctx context.Context, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool, error) {
	found, _, err := tx.Tx.Range(ctx, begin, end, opt)
	return found, false, err
}

type wideClear struct{ kv.Tx }

func (tx wideClear) ClearRange(begin, end []byte) {
	if bytes.Compare(begin, end) < 0 && len(end) > 0 && end[0] < 0xff {
		end = kv.KeyAfter(end)
	}
	tx.Tx.ClearRange(begin, end)
}

type setsAtomics struct{ kv.Tx }

func (tx setsAtomics) Atomic(op kv.AtomicOp, key, param []byte) {
	if op == kv.AtomicAdd {
		tx.Set(key, param)
		return
	}
	tx.Tx.Atomic(op, key, param)
}

// backwardStamps has versionstamps that become less.
type backwardStamps struct {
	kv.Tx
	n     *atomic.Int64
	stamp []byte
}

func (tx *backwardStamps) Atomic(op kv.AtomicOp, key, param []byte) {
	if tx.stamp == nil {
		tx.stamp = binary.BigEndian.AppendUint64(nil, uint64(1<<40-tx.n.Add(1)))
		tx.stamp = append(tx.stamp, 0, 0)
	}
	switch op {
	case kv.AtomicSetVersionstampedKey:
		tx.Set(tx.fill(key), param)
	case kv.AtomicSetVersionstampedValue:
		tx.Set(key, tx.fill(param))
	default:
		tx.Tx.Atomic(op, key, param)
	}
}

func (tx *backwardStamps) fill(room []byte) []byte {
	at := binary.LittleEndian.Uint32(room[len(room)-4:])
	filled := bytes.Clone(room[:len(room)-4])
	copy(filled[at:], tx.stamp)
	return filled
}

func (tx *backwardStamps) Versionstamp() ([]byte, error) {
	stamp, err := tx.Tx.Versionstamp()
	if err == nil && tx.stamp != nil {
		stamp = tx.stamp
	}
	return stamp, err
}

// deaf watches another key than it was asked to.
type deaf struct{ kv.Tx }

func (tx deaf) Watch(ctx context.Context, _ []byte) (kv.Watch, error) {
	return tx.Tx.Watch(ctx, []byte("\xfe a key that no test writes"))
}

// readingWatch fails with the key that it is to watch.
type readingWatch struct{ kv.Tx }

func (tx readingWatch) Watch(ctx context.Context, key []byte) (kv.Watch, error) {
	if _, err := tx.Get(ctx, key); err != nil {
		return nil, err
	}
	return tx.Tx.Watch(ctx, key)
}

// jumpy has watches that fire at once.
type jumpy struct{ kv.Tx }

func (tx jumpy) Watch(ctx context.Context, key []byte) (kv.Watch, error) {
	watch, err := tx.Tx.Watch(ctx, key)
	return jumpyWatch{watch}, err
}

type jumpyWatch struct{ kv.Watch }

func (jumpyWatch) Wait(context.Context) error { return nil }

type uncancelled struct{ kv.Tx }

func (uncancelled) Cancel() {}

// sure says that what it does not know has not happened.
type sure struct{ kv.Tx }

func (tx sure) Commit(ctx context.Context) error {
	err := tx.Tx.Commit(ctx)
	if errors.Is(err, kv.ErrCommitUnknown) {
		return kv.ErrConflict
	}
	return err
}

type cutting struct{ kv.Tx }

func (tx cutting) Set(key, value []byte) {
	tx.Tx.Set(key, value[:min(len(value), kv.ValueBytesMax)])
}

type endless struct{ kv.Tx }

func (tx endless) Get(ctx context.Context, key []byte) ([]byte, error) {
	if len(key) > 0 && key[0] == 0xff {
		return nil, nil
	}
	return tx.Tx.Get(ctx, key)
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// beginNow begins a transaction whose read version is fetched now.
func (w *world) beginNow() kv.Tx {
	w.Helper()
	tx := w.begin()
	_, err := tx.ReadVersion(w.ctx)
	w.must(err)
	return tx
}

// testWriteSkew shows that of two transactions that read what the other writes only one commits.
func testWriteSkew(w *world) {
	w.put("a", "1", "b", "1")
	for _, firstWins := range []bool{true, false} {
		txs := []kv.Tx{w.beginNow(), w.beginNow()}
		for i, tx := range txs {
			w.get(tx, "a")
			w.get(tx, "b")
			tx.Set([]byte{"ab"[i]}, []byte("0"))
		}
		if !firstWins {
			txs[0], txs[1] = txs[1], txs[0]
		}
		w.want("the first to commit", txs[0].Commit(w.ctx), nil)
		w.want("the second to commit", txs[1].Commit(w.ctx), kv.ErrConflict)
	}
}

// testPhantoms shows that a range conflicts with what appears in it and what vanishes from it, exactly as far as it
// was read.
func testPhantoms(w *world) {
	scan := func(opt kv.RangeOptions) func(tx kv.Tx) error {
		return func(tx kv.Tx) error {
			_, _, err := tx.Range(w.ctx, []byte("b"), []byte("y"), opt)
			return err
		}
	}
	getKey := func(sel kv.KeySelector) func(tx kv.Tx) error {
		return func(tx kv.Tx) error { _, err := tx.GetKey(w.ctx, sel); return err }
	}
	// The store holds c, f, i, m and p.
	for _, c := range []struct {
		name      string
		read      func(tx kv.Tx) error
		conflicts string // keys that conflict when they are written
		does      string // and keys that do not
	}{
		{"forwards", scan(kv.RangeOptions{}), "bcdmpqx", "ay"},
		{"backwards", scan(kv.RangeOptions{Reverse: true}), "bcdmpqx", "ay"},
		{"forwards, limited", scan(kv.RangeOptions{Limit: 2}), "bcdf", "agimpx"},
		{"backwards, limited", scan(kv.RangeOptions{Limit: 2, Reverse: true}), "mnpx", "bcfily"},
		{"forwards, by bytes", scan(kv.RangeOptions{BytesMax: 3}), "bcdf", "agimpx"},
		{"first not less", getKey(kv.FirstGreaterOrEqual([]byte("d"))), "def", "cgi"},
		{"last less", getKey(kv.LastLessThan([]byte("k"))), "ij", "hkm"},
	} {
		for _, key := range c.conflicts {
			w.checkPhantom(c.name, string(key), c.read, kv.ErrConflict)
		}
		for _, key := range c.does {
			w.checkPhantom(c.name, string(key), c.read, nil)
		}
	}
}

// checkPhantom reads, lets another transaction write key, and wants a commit to end with an error.
func (w *world) checkPhantom(name, key string, read func(tx kv.Tx) error, want error) {
	w.Helper()
	tx := w.begin()
	tx.ClearRange([]byte("a"), []byte("z"))
	w.commit(tx)
	w.put("c", "1", "f", "1", "i", "1", "m", "1", "p", "1")

	tx = w.begin()
	w.must(read(tx))
	other := w.begin()
	if stored := w.get(other.Snapshot(), key); stored != nil {
		other.Clear([]byte(key))
	} else {
		other.Set([]byte(key), []byte("phantom"))
	}
	w.commit(other)
	tx.Set([]byte("result"), nil)
	w.want(fmt.Sprintf("%s, %s written", name, key), tx.Commit(w.ctx), want)
}

// testBlindWrites shows that what is not read does not conflict.
func testBlindWrites(w *world) {
	a, b := w.beginNow(), w.beginNow()
	a.Set([]byte("k"), []byte("a"))
	b.Set([]byte("k"), []byte("b"))
	w.want("first", a.Commit(w.ctx), nil)
	w.want("second", b.Commit(w.ctx), nil)
	w.wantValue(w.begin(), "k", "b")
}

// testSnapshotReads shows that snapshot reads do not conflict, and that explicit conflict ranges do.
func testSnapshotReads(w *world) {
	for _, c := range []struct {
		name string
		do   func(tx kv.Tx)
		want error
	}{
		{"snapshot get", func(tx kv.Tx) { w.get(tx.Snapshot(), "k") }, nil},
		{"snapshot range", func(tx kv.Tx) { w.scan(tx.Snapshot(), "", "\xff") }, nil},
		{"read conflict", func(tx kv.Tx) { w.must(tx.AddReadConflictRange([]byte("k"), []byte("k\x00"))) },
			kv.ErrConflict},
		{"read conflict beside it", func(tx kv.Tx) { w.must(tx.AddReadConflictRange([]byte("k\x00"), []byte("l"))) },
			nil},
	} {
		tx := w.beginNow()
		c.do(tx)
		w.put("k", c.name)
		tx.Set([]byte("other"), nil)
		w.want(c.name, tx.Commit(w.ctx), c.want)
	}

	reader := w.beginNow()
	w.get(reader, "k")
	writer := w.begin()
	w.must(writer.AddWriteConflictRange([]byte("a"), []byte("z")))
	w.commit(writer)
	if writer.CommittedVersion() == 0 {
		w.Errorf("a transaction with a write conflict range alone has no version")
	}
	reader.Set([]byte("other"), nil)
	w.want("after an explicit write conflict", reader.Commit(w.ctx), kv.ErrConflict)
}

// testReadVersions shows that a read version sees what was committed before it and nothing later.
func testReadVersions(w *world) {
	first := w.put("k", "1")
	old := w.beginNow()
	second := w.put("k", "2")
	w.wantValue(old, "k", "1")
	if v, err := old.ReadVersion(w.ctx); err != nil || v < first || v >= second {
		w.Errorf("read version %d, %v; commits at %d before and %d after", v, err, first, second)
	}
	for v, want := range map[kv.Version]string{first: "1", second: "2"} {
		tx := w.begin()
		tx.SetReadVersion(v)
		w.wantValue(tx, "k", want)
		if got, err := tx.ReadVersion(w.ctx); got != v || err != nil {
			w.Errorf("read version %d, %v, but it was set to %d", got, err, v)
		}
		tx.Set([]byte("other"), nil)
		conflict := error(nil)
		if v == first {
			conflict = kv.ErrConflict
		}
		w.want(fmt.Sprintf("commit after a read of %s", want), tx.Commit(w.ctx), conflict)
	}

	// Other tasks' commits, once acknowledged, are visible at every version asked for afterwards.
	w.together(8, func(i int) {
		key := fmt.Appendf(nil, "task%d", i)
		for n := range byte(20) {
			tx := w.begin()
			tx.Set(key, []byte{n})
			err := tx.Commit(w.ctx)
			next := w.store.Begin(kv.TxOptions{Priority: kv.Priority(n % 2)})
			v, versionErr := next.ReadVersion(w.ctx)
			got, getErr := next.Get(w.ctx, key)
			if err := errors.Join(err, versionErr, getErr); err != nil {
				w.Error(err)
			} else if v < tx.CommittedVersion() || len(got) != 1 || got[0] != n {
				w.Errorf("read version %d sees %v, after a commit of %d at %d", v, got, n, tx.CommittedVersion())
			}
		}
	})
}

// testIncrements shows that no increment is lost among concurrent ones, whatever shares a version.
func testIncrements(w *world) {
	const tasks, each = 16, 12
	w.together(tasks, func(i int) {
		for range each {
			if err := w.increment([]byte("n")); err != nil {
				w.Error(err)
				return
			}
		}
	})
	if n := binary.BigEndian.Uint64(w.get(w.begin(), "n")); n != tasks*each {
		w.Errorf("%d increments gave %d", tasks*each, n)
	}
}

// increment adds one by reading and writing, until that commits.
func (w *world) increment(key []byte) error {
	for {
		tx := w.begin()
		value, err := tx.Get(w.ctx, key)
		if err != nil {
			return err
		}
		n := uint64(0)
		if value != nil {
			n = binary.BigEndian.Uint64(value)
		}
		tx.Set(key, binary.BigEndian.AppendUint64(nil, n+1))
		if err := tx.Commit(w.ctx); !errors.Is(err, kv.ErrConflict) {
			return err
		}
	}
}

// testSharedVersions commits many transactions at a time. Those that share a version have different places in it, are
// all seen by a read version of that number, and do not conflict with it: only what was written at a greater one
// does.
func (s *suite) testSharedVersions(w *world) {
	const tasks, rounds = 64, 50
	shared := 0
	for round := 0; round < rounds && (shared == 0 || round < 3); round++ {
		versions, stamps := make([]kv.Version, tasks), make([]string, tasks)
		w.together(tasks, func(i int) {
			tx := w.begin()
			tx.Set(fmt.Appendf(nil, "k%02d", i), fmt.Appendf(nil, "%d", round))
			tx.Atomic(kv.AtomicSetVersionstampedValue, fmt.Appendf(nil, "stamp%02d", i), withStamp("", ""))
			err := tx.Commit(w.ctx)
			stamp, stampErr := tx.Versionstamp()
			if err := errors.Join(err, stampErr); err != nil {
				w.Error(err)
			}
			versions[i], stamps[i] = tx.CommittedVersion(), string(stamp)
		})
		places, byVersion := map[string]bool{}, map[kv.Version][]int{}
		for i, v := range versions {
			places[stamps[i]] = true
			byVersion[v] = append(byVersion[v], i)
		}
		if len(places) != tasks {
			w.Errorf("%d transactions have %d versionstamps", tasks, len(places))
		}
		for _, v := range versions {
			if together := byVersion[v]; len(together) > 1 {
				shared++
				w.checkShared(v, together, fmt.Sprint(round))
				break
			}
		}
	}
	if s.sharesVersions && shared == 0 {
		w.Errorf("in %d rounds of %d concurrent commits no two shared a version", rounds, tasks)
	}
}

func (w *world) checkShared(v kv.Version, together []int, value string) {
	tx := w.begin()
	tx.SetReadVersion(v)
	for _, i := range together {
		w.wantValue(tx, fmt.Sprintf("k%02d", i), value)
	}
	late := w.begin()
	late.SetReadVersion(v)
	w.get(late, fmt.Sprintf("k%02d", together[0]))

	tx.Set(fmt.Appendf(nil, "k%02d", together[0]), []byte("later"))
	w.want("commit at a read version that the writes share", tx.Commit(w.ctx), nil)
	late.Set([]byte("other"), nil)
	w.want("commit after a later write", late.Commit(w.ctx), kv.ErrConflict)
}

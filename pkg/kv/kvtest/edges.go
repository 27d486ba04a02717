// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// edge is a line of the table "Limits and edges" in testdata/README.md.
type edge struct {
	name         string
	done, answer string
	test         func(w *world)
}

// edges are what was tried on FoundationDB and what it answered, in the table's order and words.
var edges = []edge{
	{"KeyBytes", "set with a key of 10,000 bytes / 10,001", "commits / 2102 at commit", edgeKeyBytes},
	{"LongKeys", "get, clear or read conflict with a key of 10,001 bytes", "accepted", edgeLongKeys},
	{"ValueBytes", "value of 100,000 bytes / 100,001", "commits / 2103 at commit", edgeValueBytes},
	{"TransactionBytes", "approximate size 10,000,000 / one byte more", "commits / 2101 at commit (99 values of " +
		"100,000 bytes and one of 88,300, on 16-byte keys, is 10,000,000: 101 bytes a set beyond key and value, of " +
		"which 33 would be the key and its successor in the write conflict range)", edgeTransactionBytes},
	{"KeySpace", "read or write of a key from `ff` on", "2004", edgeKeySpace},
	{"EmptyKey", "empty key", "allowed", edgeEmptyKey},
	{"Ended", "any use after commit / after cancel", "2017 / 1025", edgeEnded},
	{"OldVersion", "commit with a read version 6.5 s old", "1007", edgeOldVersion},
	{"FutureVersion", "read version in the far future", "1009", edgeFutureVersion},
	{"Timeout", "transaction timeout option passed", "1031", edgeTimeout},
	{"Watch", "watch: same value written again / another value / its transaction cancelled",
		"does not fire / fires / 1025", edgeWatch},
	{"WatchUnreadable", "watch of a key after a versionstamped value was set on it (or a versionstamped key whose " +
		"range covers it) in the same transaction", "the watch's own future fails with 1036, before and after the " +
		"commit; the commit succeeds", edgeWatchUnreadable},
	{"WatchAfterUnreadable", "the same after a get that failed with 1036", "the commit fails with 1036 as well",
		edgeWatchAfterUnreadable},
	{"WatchBeforeStamp", "watch, then a versionstamped value set on its key in the same transaction",
		"the watch fires at once, before the commit", edgeWatchBeforeStamp},
	{"BlindAdds", "two transactions blindly adding to one key", "both commit", edgeBlindAdds},
	{"Conflict", "read of a key another transaction then wrote and committed", "1020 at commit", edgeConflict},
}

func edgeParts() []part {
	var parts []part
	for _, edge := range edges {
		parts = append(parts, part{name: "Edges/" + edge.name, test: edge.test})
	}
	return parts
}

// checkLimit commits what do does with another write: either both are there or none.
func (w *world) checkLimit(name string, do func(tx kv.Tx), want error) {
	w.Helper()
	tx := w.begin()
	tx.Set([]byte("other"), []byte(name))
	do(tx)
	w.want(name, tx.Commit(w.ctx), want)
	if want != nil && !kv.NeverCommitted(want) {
		w.Errorf("%s: %v should prove that nothing was committed", name, want)
	}
	stored := w.get(w.begin(), "other")
	if committed := string(stored) == name; committed != (want == nil) {
		w.Errorf("%s: the transaction's other write is there: %v", name, committed)
	}
}

func edgeKeyBytes(w *world) {
	key, longKey := bytes.Repeat([]byte("k"), kv.KeyBytesMax), bytes.Repeat([]byte("k"), kv.KeyBytesMax+1)
	w.checkLimit("set of a key of the greatest length", func(tx kv.Tx) { tx.Set(key, nil) }, nil)
	w.checkLimit("set of a longer key", func(tx kv.Tx) { tx.Set(longKey, nil) }, kv.ErrKeyTooLarge)
	if got := w.get(w.begin(), string(key)); got == nil {
		w.Errorf("the longest key is not there")
	}
}

func edgeLongKeys(w *world) {
	longKey := bytes.Repeat([]byte("k"), kv.KeyBytesMax+1)
	w.checkLimit("clear of a longer key", func(tx kv.Tx) { tx.Clear(longKey) }, nil)
	w.checkLimit("read conflict on a longer key", func(tx kv.Tx) {
		w.must(tx.AddReadConflictRange(longKey, append(longKey, 'k')))
	}, nil)
	if got, err := w.begin().Get(w.ctx, longKey); got != nil || err != nil {
		w.Errorf("get of a key longer than can be written: %q, %v", got, err)
	}
}

func edgeValueBytes(w *world) {
	value, longValue := make([]byte, kv.ValueBytesMax), make([]byte, kv.ValueBytesMax+1)
	w.checkLimit("set of a value of the greatest length", func(tx kv.Tx) { tx.Set([]byte("v"), value) }, nil)
	w.checkLimit("set of a longer value", func(tx kv.Tx) { tx.Set([]byte("v"), longValue) }, kv.ErrValueTooLarge)
	if got := w.get(w.begin(), "v"); len(got) != kv.ValueBytesMax {
		w.Errorf("the longest value has %d bytes", len(got))
	}
}

// edgeTransactionBytes shows where exactly a transaction becomes too large, by one byte of the last value.
func edgeTransactionBytes(w *world) {
	const (
		sets     = 100
		keyBytes = 16
		// beyond is what a set counts beyond key and value: the key and its successor, as the write conflict range,
		// and what goes with them.
		beyond = 101
		fits   = kv.TxBytesMax - sets*(keyBytes+beyond) - (sets-1)*kv.ValueBytesMax
	)
	fill := func(lastValueBytes int) kv.Tx {
		tx := w.begin()
		for i := range sets - 1 {
			tx.Set(fmt.Appendf(nil, "%0*d", keyBytes, i), make([]byte, kv.ValueBytesMax))
		}
		tx.Set(fmt.Appendf(nil, "%0*d", keyBytes, sets-1), make([]byte, lastValueBytes))
		return tx
	}
	w.want("one byte over the limit", fill(fits+1).Commit(w.ctx), kv.ErrTxTooLarge)
	if found := w.pairs(); found != 0 {
		w.Errorf("a transaction over the limit has written %d pairs", found)
	}
	w.want("at the limit", fill(fits).Commit(w.ctx), nil)
	if found := w.pairs(); found != sets {
		w.Errorf("a transaction at the limit has written %d pairs, want %d", found, sets)
	}
}

func edgeKeySpace(w *world) {
	end, beyond := []byte("\xff"), []byte("\xff\x00")
	for name, do := range map[string]func(tx kv.Tx) error{
		"get":          func(tx kv.Tx) error { _, err := tx.Get(w.ctx, end); return err },
		"get all":      func(tx kv.Tx) error { _, err := tx.GetAll(w.ctx, []byte("a"), end); return err },
		"get snapshot": func(tx kv.Tx) error { _, err := tx.Snapshot().Get(w.ctx, end); return err },
		"get key": func(tx kv.Tx) error {
			_, err := tx.GetKey(w.ctx, kv.FirstGreaterOrEqual(beyond))
			return err
		},
		"range": func(tx kv.Tx) error {
			_, _, err := tx.Range(w.ctx, nil, beyond, kv.RangeOptions{})
			return err
		},
		"set":         func(tx kv.Tx) error { tx.Set(end, nil); return tx.Commit(w.ctx) },
		"clear":       func(tx kv.Tx) error { tx.Clear(end); return tx.Commit(w.ctx) },
		"clear range": func(tx kv.Tx) error { tx.ClearRange(nil, beyond); return tx.Commit(w.ctx) },
		"atomic":      func(tx kv.Tx) error { tx.Atomic(kv.AtomicAdd, end, []byte{1}); return tx.Commit(w.ctx) },
	} {
		w.want(name+" beyond the key space", do(w.begin()), kv.ErrOutOfRange)
	}
}

// edgeEmptyKey shows that the key space begins with the empty key, and what lies at its ends.
func edgeEmptyKey(w *world) {
	end := []byte("\xff")
	w.put("", "first", "\xfe\xff\xff", "last")
	tx := w.begin()
	w.wantValue(tx, "", "first")
	if got := keys(w.scan(tx, "", "\xff")); got != " \xfe\xff\xff" {
		w.Errorf("the whole key space holds %q", got)
	}
	for _, c := range []struct {
		sel  kv.KeySelector
		want string
	}{
		{kv.FirstGreaterOrEqual(nil), ""},
		{kv.LastLessThan(nil), ""},
		{kv.FirstGreaterThan(nil), "\xfe\xff\xff"},
		{kv.LastLessThan(end), "\xfe\xff\xff"},
		{kv.FirstGreaterOrEqual(end), "\xff"},
		{kv.FirstGreaterThan([]byte("\xfe\xff\xff")), "\xff"},
	} {
		got, err := tx.GetKey(w.ctx, c.sel)
		if err != nil || string(got) != c.want {
			w.Errorf("selector %+v gave %q, %v; want %q", c.sel, got, err, c.want)
		}
	}
	tx.ClearRange(nil, end)
	w.commit(tx)
	if got := w.scan(w.begin(), "", "\xff"); len(got) != 0 {
		w.Errorf("cleared, the key space holds %q", got)
	}
}

// edgeEnded shows what a transaction answers after its end, and that Reset makes it as new.
func edgeEnded(w *world) {
	w.checkEnded("after commit", func(tx kv.Tx) { w.commit(tx) }, kv.ErrUsed)
	w.checkEnded("after a commit of nothing", func(tx kv.Tx) { tx.Reset(); w.commit(tx) }, kv.ErrUsed)
	w.checkEnded("after cancel", func(tx kv.Tx) { tx.Cancel() }, kv.ErrCancelled)
	w.wantValue(w.begin(), "k", "after commit")
}

// checkEnded ends a transaction and wants all uses of it to fail in the same way, up to Reset.
func (w *world) checkEnded(name string, end func(tx kv.Tx), want error) {
	w.Helper()
	tx := w.begin()
	tx.Set([]byte("k"), []byte(name))
	end(tx)
	_, err := tx.Get(w.ctx, []byte("a"))
	w.want(name+", get", err, want)
	_, err = tx.Snapshot().GetAll(w.ctx, []byte("a"))
	w.want(name+", snapshot get", err, want)
	_, _, err = tx.Range(w.ctx, []byte("a"), []byte("b"), kv.RangeOptions{})
	w.want(name+", range", err, want)
	_, err = tx.GetKey(w.ctx, kv.LastLessThan([]byte("b")))
	w.want(name+", get key", err, want)
	w.want(name+", commit", tx.Commit(w.ctx), want)

	tx.Reset()
	if v := tx.CommittedVersion(); v != 0 {
		w.Errorf("%s, reset: committed version %d", name, v)
	}
	if _, err := tx.Versionstamp(); err == nil {
		w.Errorf("%s, reset: there is a versionstamp", name)
	}
	tx.Set([]byte("reset"), []byte(name))
	w.want(name+", reset, commit", tx.Commit(w.ctx), nil)
	w.wantValue(w.begin(), "reset", name)
}

// versionLifeMax is more than a read version lives. FoundationDB's is 5 s, by the clock of a storage server: where
// nothing is written that is behind by what lies between two empty batches of commits (2.2 s), and it forgets a
// version half a second later.
const versionLifeMax = 15 * time.Second

// edgeOldVersion shows that a read version ages, also while nothing is written: reads at it and commits that depend
// on it fail.
func edgeOldVersion(w *world) {
	w.put("k", "1")
	reader, committer, blind := w.beginNow(), w.beginNow(), w.begin()
	w.get(reader, "k")
	w.get(committer, "k")
	committer.Set([]byte("k"), []byte("2"))
	blind.Set([]byte("blind"), []byte("written"))
	v, err := reader.ReadVersion(w.ctx)
	w.must(err)
	began := w.env.Monotonic()
	for aged := false; !aged; {
		w.must(env.Sleep(w.env, w.ctx, 500*time.Millisecond))
		probe := w.begin()
		probe.SetReadVersion(v)
		_, err := probe.Get(w.ctx, []byte("l"))
		aged = errors.Is(err, kv.ErrTooOld)
		if past := w.env.Monotonic() - began; !aged && (err != nil || past > versionLifeMax) {
			w.Fatalf("read at a version of %v ago: %v, want %v", past, err, kv.ErrTooOld)
		}
	}

	_, err = reader.Get(w.ctx, []byte("l"))
	w.want("read", err, kv.ErrTooOld)
	w.want("commit", committer.Commit(w.ctx), kv.ErrTooOld)
	w.want("commit of a transaction that has read nothing", blind.Commit(w.ctx), nil)
	w.wantValue(w.begin(), "k", "1")
}

func edgeFutureVersion(w *world) {
	now, err := w.begin().ReadVersion(w.ctx)
	w.must(err)
	future := w.begin()
	future.SetReadVersion(now + 1<<40)
	_, err = future.Get(w.ctx, []byte("k"))
	w.want("read at a version in the future", err, kv.ErrFutureVersion)
}

// edgeTimeout shows the contract's form of a timeout, a context with a deadline: where FoundationDB says 1031, a read
// says that the deadline has passed, and a commit that its result is unknown. Either may be faster.
func edgeTimeout(w *world) {
	w.put("k", "1")
	passed, cancel := env.WithTimeout(w.env, w.ctx, 0)
	defer cancel()
	w.must(env.Sleep(w.env, w.ctx, time.Millisecond))
	tx := w.begin()
	if _, err := tx.Get(passed, []byte("k")); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		w.Errorf("read after the deadline: %v", err)
	}
	tx = w.begin()
	tx.Set([]byte("k"), []byte("2"))
	switch err := tx.Commit(passed); {
	case err == nil:
		w.wantValue(w.begin(), "k", "2")
	case !errors.Is(err, kv.ErrCommitUnknown):
		w.Errorf("commit after the deadline: %v, want ErrCommitUnknown", err)
	}
}

func edgeWatch(w *world) {
	w.put("k", "1")
	watch := w.watch("k")
	w.put("k", "1", "l", "2")
	w.wantQuiet("the same value written again", watch)
	w.put("k", "2")
	w.want("another value", watch.Wait(w.ctx), nil)

	tx := w.begin()
	watch, err := tx.Watch(w.ctx, []byte("k"))
	w.must(err)
	tx.Cancel()
	w.want("watch of a transaction that was cancelled", watch.Wait(w.ctx), kv.ErrCancelled)
}

// unreadables are what makes key "k" unreadable. A versionstamped key may be any that its ten bytes, in place of "k",
// can make of it.
var unreadables = map[string]func(tx kv.Tx){
	"a versionstamped value": func(tx kv.Tx) {
		tx.Atomic(kv.AtomicSetVersionstampedValue, []byte("k"), withStamp("", ""))
	},
	"a versionstamped key": func(tx kv.Tx) { tx.Atomic(kv.AtomicSetVersionstampedKey, withStamp("", ""), []byte("v")) },
}

func edgeWatchUnreadable(w *world) {
	for _, name := range slices.Sorted(maps.Keys(unreadables)) {
		tx := w.begin()
		unreadables[name](tx)
		tx.Set([]byte("other"), []byte(name))
		watch, err := tx.Watch(w.ctx, []byte("k"))
		w.must(err)
		w.want("watch after "+name+", before the commit", watch.Wait(w.ctx), kv.ErrUnreadable)
		w.commit(tx)
		w.want("watch after "+name+", after the commit", watch.Wait(w.ctx), kv.ErrUnreadable)
		watch.Cancel()
		w.wantValue(w.begin(), "other", name)
	}
}

func edgeWatchAfterUnreadable(w *world) {
	for _, name := range slices.Sorted(maps.Keys(unreadables)) {
		tx := w.begin()
		unreadables[name](tx)
		_, err := tx.Get(w.ctx, []byte("k"))
		w.want("get after "+name, err, kv.ErrUnreadable)
		watch, err := tx.Watch(w.ctx, []byte("k"))
		w.must(err)
		w.want("watch after that", watch.Wait(w.ctx), kv.ErrUnreadable)
		w.want("commit", tx.Commit(w.ctx), kv.ErrUnreadable)
		w.want("watch after the commit", watch.Wait(w.ctx), kv.ErrUnreadable)
		watch.Cancel()
	}
}

func edgeWatchBeforeStamp(w *world) {
	tx := w.begin()
	watch, err := tx.Watch(w.ctx, []byte("k"))
	w.must(err)
	unreadables["a versionstamped value"](tx)
	w.want("watch before the commit", watch.Wait(w.ctx), nil)
	w.commit(tx)
	w.want("watch after the commit", watch.Wait(w.ctx), nil)
}

func edgeBlindAdds(w *world) {
	one := binary.LittleEndian.AppendUint64(nil, 1)
	a, b := w.beginNow(), w.beginNow()
	a.Atomic(kv.AtomicAdd, []byte("n"), one)
	b.Atomic(kv.AtomicAdd, []byte("n"), one)
	w.want("first", a.Commit(w.ctx), nil)
	w.want("second", b.Commit(w.ctx), nil)
	if n := binary.LittleEndian.Uint64(w.get(w.begin(), "n")); n != 2 {
		w.Errorf("two additions of 1 gave %d", n)
	}
}

func edgeConflict(w *world) {
	w.put("k", "1")
	tx := w.begin()
	w.get(tx, "k")
	w.put("k", "2")
	tx.Set([]byte("other"), []byte("written"))
	w.want("commit", tx.Commit(w.ctx), kv.ErrConflict)
	w.wantValue(w.begin(), "other", "")
}

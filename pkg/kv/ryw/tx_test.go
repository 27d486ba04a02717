// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

var ctx = context.Background()

func newTx() (*fakeBackend, kv.Tx) {
	b := &fakeBackend{version: 10, pairs: map[string]string{"a": "1"}}
	return b, ryw.New(b, kv.TxOptions{Priority: kv.PriorityHigh})
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// uses is every call that can fail.
var uses = map[string]func(tx kv.Tx) error{
	"get":         func(tx kv.Tx) error { _, err := tx.Get(ctx, []byte("a")); return err },
	"get nothing": func(tx kv.Tx) error { _, err := tx.GetAll(ctx); return err },
	"snapshot":    func(tx kv.Tx) error { _, err := tx.Snapshot().Get(ctx, []byte("a")); return err },
	"range": func(tx kv.Tx) error {
		_, _, err := tx.Range(ctx, nil, []byte("b"), kv.RangeOptions{})
		return err
	},
	"empty range":  func(tx kv.Tx) error { _, _, err := tx.Range(ctx, nil, nil, kv.RangeOptions{}); return err },
	"get key":      func(tx kv.Tx) error { _, err := tx.GetKey(ctx, kv.LastLessThan([]byte("b"))); return err },
	"read version": func(tx kv.Tx) error { _, err := tx.ReadVersion(ctx); return err },
	"watch":        func(tx kv.Tx) error { _, err := tx.Watch(ctx, []byte("a")); return err },
	"out of range": func(tx kv.Tx) error { _, err := tx.Get(ctx, []byte("\xff")); return err },
	"commit":       func(tx kv.Tx) error { return tx.Commit(ctx) },
}

// TestEnds shows what every call answers after each end of a transaction, and that Reset undoes all of them.
func TestEnds(t *testing.T) {
	stamp := append(make([]byte, 10), 1, 0, 0, 0)
	for name, c := range map[string]struct {
		end  func(tx kv.Tx)
		want error
	}{
		"commit":            {func(tx kv.Tx) { _ = tx.Commit(ctx) }, kv.ErrUsed},
		"commit and cancel": {func(tx kv.Tx) { _ = tx.Commit(ctx); tx.Cancel() }, kv.ErrUsed},
		"cancel":            {func(tx kv.Tx) { tx.Cancel() }, kv.ErrCancelled},
		"inverted clear":    {func(tx kv.Tx) { tx.ClearRange([]byte("b"), []byte("a")) }, kv.ErrInvalidRange},
		"two errors": {
			func(tx kv.Tx) { tx.ClearRange([]byte("b"), []byte("a")); tx.Set([]byte("\xff"), nil) },
			kv.ErrInvalidRange},
		"error and cancel":    {func(tx kv.Tx) { tx.Set([]byte("\xff"), nil); tx.Cancel() }, kv.ErrOutOfRange},
		"set outside":         {func(tx kv.Tx) { tx.Set([]byte("\xff"), nil) }, kv.ErrOutOfRange},
		"clear outside":       {func(tx kv.Tx) { tx.Clear([]byte("\xff\x00")) }, kv.ErrOutOfRange},
		"clear range outside": {func(tx kv.Tx) { tx.ClearRange(nil, []byte("\xff\x00")) }, kv.ErrOutOfRange},
		"atomic outside":      {func(tx kv.Tx) { tx.Atomic(kv.AtomicAdd, []byte("\xff"), nil) }, kv.ErrOutOfRange},
		"conflict outside": {func(tx kv.Tx) { _ = tx.AddReadConflictRange(nil, []byte("\xff\x00")) },
			kv.ErrOutOfRange},
		"no operation": {func(tx kv.Tx) { tx.Atomic(3, []byte("a"), nil) }, kv.ErrInvalidOperation},
		"stamp beyond": {func(tx kv.Tx) { tx.Atomic(kv.AtomicSetVersionstampedValue, []byte("a"), stamp) },
			kv.ErrInvalidOperation},
		"stamped key beyond": {func(tx kv.Tx) { tx.Atomic(kv.AtomicSetVersionstampedKey, stamp, nil) },
			kv.ErrInvalidOperation},
		"version 0":      {func(tx kv.Tx) { tx.SetReadVersion(0) }, kv.ErrInvalidOperation},
		"second version": {func(tx kv.Tx) { tx.SetReadVersion(1); tx.SetReadVersion(1) }, kv.ErrInvalidOperation},
		"large key":      {func(tx kv.Tx) { tx.Set(make([]byte, kv.KeyBytesMax+1), nil) }, kv.ErrKeyTooLarge},
		"large value":    {func(tx kv.Tx) { tx.Set(nil, make([]byte, kv.ValueBytesMax+1)) }, kv.ErrValueTooLarge},
		"large parameter": {func(tx kv.Tx) { tx.Atomic(kv.AtomicOr, nil, make([]byte, kv.ValueBytesMax+1)) },
			kv.ErrValueTooLarge},
	} {
		for use, do := range uses {
			b, tx := newTx()
			c.end(tx)
			wantError(t, name+", "+use, do(tx), c.want)
			if n := len(b.commits); n != 0 {
				t.Errorf("%s, %s: %d commits sent", name, use, n)
			}
			tx.Reset()
			tx.Set([]byte("k"), nil)
			wantError(t, name+", reset", tx.Commit(ctx), nil)
			if len(b.commits) != 1 || len(b.commits[0].Mutations) != 1 {
				t.Errorf("%s, reset: sent %d commits", name, len(b.commits))
			}
		}
	}
}

// TestHarmlessErrors shows errors after which the transaction goes on.
func TestHarmlessErrors(t *testing.T) {
	_, tx := newTx()
	tx.Set([]byte("k"), nil)
	outside := []byte("\xff\x00")
	_, err := tx.Get(ctx, outside)
	wantError(t, "get", err, kv.ErrOutOfRange)
	_, _, err = tx.Range(ctx, nil, outside, kv.RangeOptions{})
	wantError(t, "range", err, kv.ErrOutOfRange)
	_, err = tx.GetKey(ctx, kv.FirstGreaterThan(outside))
	wantError(t, "get key", err, kv.ErrOutOfRange)
	_, err = tx.Watch(ctx, outside)
	wantError(t, "watch", err, kv.ErrOutOfRange)
	_, err = tx.Watch(ctx, make([]byte, kv.KeyBytesMax+1))
	wantError(t, "watch of a long key", err, kv.ErrKeyTooLarge)
	wantError(t, "inverted", tx.AddWriteConflictRange([]byte("b"), []byte("a")), kv.ErrInvalidRange)
	wantError(t, "commit", tx.Commit(ctx), nil)
}

// TestLongKeys shows that keys longer than any that can be written can be asked for.
func TestLongKeys(t *testing.T) {
	b, tx := newTx()
	long := bytes.Repeat([]byte("l"), kv.KeyBytesMax+5)
	value, err := tx.Get(ctx, long)
	if value != nil || err != nil || b.reads != 0 {
		t.Errorf("get gave %q, %v, %d reads", value, err, b.reads)
	}
	tx.Clear(long)
	wantError(t, "conflict", tx.AddReadConflictRange(long, append(long, 'm')), nil)
	wantError(t, "conflict", tx.AddWriteConflictRange(long, []byte("m")), nil)
	tx.ClearRange(long[:3], long)
	wantError(t, "commit", tx.Commit(ctx), nil)
	c := b.commits[0]
	if len(c.ReadConflicts) != 0 || len(c.Mutations) != 1 || len(c.Mutations[0].Value) != kv.KeyBytesMax+1 {
		t.Errorf("sent %d read conflicts, %d mutations", len(c.ReadConflicts), len(c.Mutations))
	}
}

// TestTransactionSize shows the edge as FoundationDB has it: 99 values of 100,000 bytes and one of 88,300, on keys of
// 16.
func TestTransactionSize(t *testing.T) {
	for more, want := range map[int]error{0: nil, 1: kv.ErrTxTooLarge} {
		b, tx := newTx()
		for i := range 99 {
			tx.Set(fmt.Appendf(nil, "%016d", i), make([]byte, kv.ValueBytesMax))
		}
		tx.Set([]byte("the last of them"), make([]byte, 88_300+more))
		wantError(t, "commit", tx.Commit(ctx), want)
		if sent := len(b.commits) == 1; sent != (want == nil) {
			t.Errorf("sent: %t", sent)
		}
	}
}

func TestCommitErrors(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct{ err, want error }{
		{kv.ErrConflict, kv.ErrConflict},
		{kv.ErrTooOld.With(other), kv.ErrTooOld},
		{kv.ErrTxTooLarge, kv.ErrTxTooLarge},
		{kv.ErrCommitUnknown, kv.ErrCommitUnknown},
		{kv.ErrCommitUnknown.With(kv.ErrConflict), kv.ErrCommitUnknown},
		{kv.ErrFutureVersion, kv.ErrCommitUnknown},
		{kv.ErrUnavailable, kv.ErrCommitUnknown},
		{context.Canceled, kv.ErrCommitUnknown},
		{other, kv.ErrCommitUnknown},
	} {
		b, tx := newTx()
		b.commitErr = c.err
		tx.Set([]byte("k"), nil)
		err := tx.Commit(ctx)
		wantError(t, fmt.Sprint(c.err), err, c.want)
		wantError(t, "cause", err, c.err)
		if kv.NeverCommitted(err) == errors.Is(err, kv.ErrCommitUnknown) {
			t.Errorf("%v: never committed: %t", err, kv.NeverCommitted(err))
		}
		if tx.CommittedVersion() != 0 {
			t.Errorf("%v: committed at %d", err, tx.CommittedVersion())
		}
	}
}

// TestReadErrors shows that a store's error of a read is that of the commit too, and a context's is not.
func TestReadErrors(t *testing.T) {
	for _, err := range []error{kv.ErrTooOld, kv.ErrUnavailable, context.Canceled} {
		b, tx := newTx()
		b.err = err
		tx.Set([]byte("k"), nil)
		_, got := tx.Get(ctx, []byte("a"))
		wantError(t, "get", got, err)
		b.err = nil
		_, got = tx.Get(ctx, []byte("a"))
		wantError(t, "get again", got, nil)
		want := err
		if errors.Is(err, context.Canceled) {
			want = nil
		}
		wantError(t, "commit", tx.Commit(ctx), want)
	}
}

// TestReadVersionFails shows that a commit that gets no read version says so.
func TestReadVersionFails(t *testing.T) {
	b, tx := newTx()
	b.err = kv.ErrUnavailable
	tx.Set([]byte("k"), nil)
	wantError(t, "conflict", tx.AddReadConflictRange(nil, []byte("b")), nil)
	wantError(t, "commit", tx.Commit(ctx), kv.ErrCommitUnknown)
	if len(b.commits) != 0 {
		t.Error("sent")
	}
}

// TestReadVersionOnce shows that the version is fetched once, or not at all.
func TestReadVersionOnce(t *testing.T) {
	b, tx := newTx()
	for range 2 {
		for name, use := range uses {
			if name != "commit" && name != "out of range" {
				wantError(t, name, use(tx), nil)
			}
		}
	}
	if b.versionings != 1 {
		t.Errorf("%d read versions fetched", b.versionings)
	}
	tx.Reset()
	tx.SetReadVersion(5)
	tx.Set([]byte("k"), nil)
	wantError(t, "get", uses["get"](tx), nil)
	wantError(t, "commit", tx.Commit(ctx), nil)
	if b.versionings != 1 || b.commits[0].ReadVersion != 5 || b.commits[0].Priority != kv.PriorityHigh {
		t.Errorf("%d read versions fetched, sent %+v", b.versionings, b.commits[0])
	}
}

func TestCommitted(t *testing.T) {
	_, tx := newTx()
	_, err := tx.Versionstamp()
	wantError(t, "stamp before", err, kv.ErrNoVersion)
	wantError(t, "commit of nothing", tx.Commit(ctx), nil)
	_, err = tx.Versionstamp()
	wantError(t, "stamp of nothing", err, kv.ErrNoVersion)
	tx.Reset()
	tx.Set(nil, nil)
	wantError(t, "commit", tx.Commit(ctx), nil)
	stamp, err := tx.Versionstamp()
	if want := "\x00\x00\x00\x00\x00\x00\x00\x0b\x00\x07"; string(stamp) != want || err != nil ||
		tx.CommittedVersion() != 11 {
		t.Errorf("version %d, stamp %x, %v", tx.CommittedVersion(), stamp, err)
	}
}

// TestCancelDuringRead shows that a read that is under way when another task cancels gives nothing.
func TestCancelDuringRead(t *testing.T) {
	b, tx := newTx()
	b.onRead = tx.Cancel
	wantError(t, "get", uses["get"](tx), kv.ErrCancelled)
	wantError(t, "commit", tx.Commit(ctx), kv.ErrCancelled)
}

// TestOwnership shows that slices given stay the caller's, and slices returned become so.
func TestOwnership(t *testing.T) {
	b, tx := newTx()
	key, value := []byte("k"), []byte("value")
	tx.Set(key, value)
	copy(key, "x")
	copy(value, "xxxxx")
	for range 2 {
		got, err := tx.Get(ctx, []byte("k"))
		if string(got) != "value" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		copy(got, "xxxxx")
		pairs, _, err := tx.Range(ctx, []byte("k"), []byte("l"), kv.RangeOptions{})
		if len(pairs) != 1 || string(pairs[0].Value) != "value" || err != nil {
			t.Fatalf("got %q, %v", pairs, err)
		}
		copy(pairs[0].Value, "xxxxx")
	}
	wantError(t, "commit", tx.Commit(ctx), nil)
	if m := b.commits[0].Mutations[0]; string(m.Key) != "k" || string(m.Value) != "value" {
		t.Errorf("sent %q = %q", m.Key, m.Value)
	}
}

// TestPages shows that a scan goes on where a page of the store ends, and that pages grow.
func TestPages(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		b, tx := newTx()
		for i := range 300 {
			b.pairs[fmt.Sprintf("p%03d", i)] = "value"
			if i > 10 && i < 290 {
				tx.Clear(fmt.Appendf(nil, "p%03d", i))
			}
		}
		pairs, more, err := tx.Range(ctx, []byte("p"), []byte("q"), kv.RangeOptions{Limit: 20, Reverse: reverse})
		if len(pairs) != 20 || !more || err != nil {
			t.Fatalf("%d pairs, more %t, %v", len(pairs), more, err)
		}
		if b.reads > 6 {
			t.Errorf("%d reads of the store", b.reads)
		}
		pairs, more, err = tx.Range(ctx, []byte("p"), []byte("q"), kv.RangeOptions{BytesMax: 30, Reverse: reverse})
		if len(pairs) != 4 || !more || err != nil {
			t.Errorf("%d pairs, more %t, %v", len(pairs), more, err)
		}
	}
}

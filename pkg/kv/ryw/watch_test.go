// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

func watchA(t *testing.T, tx kv.Tx) kv.Watch {
	t.Helper()
	w, err := tx.Watch(ctx, []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWatchIsARead shows that making a watch conflicts as a read does.
func TestWatchIsARead(t *testing.T) {
	b, tx := newTx()
	watchA(t, tx)
	tx.Set([]byte("k"), nil)
	wantError(t, "commit", tx.Commit(ctx), nil)
	if r := b.commits[0].ReadConflicts; len(r) != 1 || string(r[0].Begin) != "a" {
		t.Errorf("read conflicts %q", r)
	}
}

// TestWatchArms shows what the store is told, and when.
func TestWatchArms(t *testing.T) {
	for name, write := range map[string]bool{"read-only": false, "written": true} {
		b, tx := newTx()
		w := watchA(t, tx)
		want := kv.Version(10)
		if write {
			tx.Set([]byte("k"), nil)
			want = 11
		}
		wantError(t, name+": before the commit", w.Wait(ctx), kv.ErrUnavailable)
		wantError(t, name+": commit", tx.Commit(ctx), nil)
		wantError(t, name+": wait", w.Wait(ctx), nil)
		if len(b.watches) != 1 || b.watches[0].key != "a" || string(b.watches[0].value) != "1" ||
			b.watches[0].version != want {
			t.Errorf("%s: the store was told %+v", name, b.watches)
		}
		wantError(t, name+": wait again", w.Wait(ctx), nil)
		tx.Cancel()
		tx.Reset()
		wantError(t, name+": after reset", w.Wait(ctx), nil)
	}
}

// TestWatchOfOwnWrites shows that a watch sees what its transaction writes before and after it.
func TestWatchOfOwnWrites(t *testing.T) {
	set := func(value string) func(tx kv.Tx) { return func(tx kv.Tx) { tx.Set([]byte("a"), []byte(value)) } }
	add := func(tx kv.Tx) { tx.Atomic(kv.AtomicAdd, []byte("a"), []byte{0}) }
	clear := func(tx kv.Tx) { tx.ClearRange(nil, []byte("b")) }
	elsewhere := func(tx kv.Tx) { tx.Clear([]byte("b")); tx.Set([]byte("a\x00"), nil); tx.Set(nil, nil) }
	nothing := func(kv.Tx) {}
	for name, c := range map[string]struct {
		before, after func(tx kv.Tx)
		fires         bool
		value         string
	}{
		"before":         {set("2"), nothing, false, "2"},
		"after":          {nothing, set("2"), true, ""},
		"the same after": {nothing, set("1"), false, "1"},
		"cleared":        {nothing, clear, true, ""},
		"atomic":         {nothing, add, true, ""},
		"elsewhere":      {nothing, elsewhere, false, "1"},
		"both":           {set("2"), set("2"), false, "2"},
	} {
		b, tx := newTx()
		c.before(tx)
		w := watchA(t, tx)
		c.after(tx)
		wantError(t, name+": commit", tx.Commit(ctx), nil)
		wantError(t, name+": wait", w.Wait(ctx), nil)
		if c.fires != (len(b.watches) == 0) || !c.fires && string(b.watches[0].value) != c.value {
			t.Errorf("%s: the store was told %+v", name, b.watches)
		}
	}
}

// TestWatchLost shows the watches of transactions that do not commit.
func TestWatchLost(t *testing.T) {
	for name, end := range map[string]func(b *fakeBackend, tx kv.Tx){
		"cancel": func(_ *fakeBackend, tx kv.Tx) { tx.Cancel() },
		"reset":  func(_ *fakeBackend, tx kv.Tx) { tx.Reset() },
		"conflict": func(b *fakeBackend, tx kv.Tx) {
			b.commitErr = kv.ErrConflict
			tx.Set([]byte("k"), nil)
			wantError(t, "commit", tx.Commit(ctx), kv.ErrConflict)
		},
	} {
		b, tx := newTx()
		w := watchA(t, tx)
		end(b, tx)
		wantError(t, name, w.Wait(ctx), kv.ErrCancelled)
	}
}

// TestWatchEnds shows that an end that the store gives is kept, that of a context is not, and that Cancel reaches the
// store.
func TestWatchEnds(t *testing.T) {
	b, tx := newTx()
	w := watchA(t, tx)
	wantError(t, "commit", tx.Commit(ctx), nil)
	b.err = kv.ErrTooOld
	err := w.Wait(ctx)
	wantError(t, "refused", err, kv.ErrUnavailable)
	wantError(t, "refused", err, kv.ErrTooOld)
	b.err = context.Canceled
	if err := w.Wait(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("context: got %v", err)
	}
	b.err, b.watches = nil, nil
	wantError(t, "fires", w.Wait(ctx), nil)

	tx.Reset()
	w = watchA(t, tx)
	wantError(t, "commit", tx.Commit(ctx), nil)
	b.watches = nil
	_ = w.Wait(ctx)
	w.Cancel()
	if b.watches[0].cancelled != 1 {
		t.Error("the store's watch is not cancelled")
	}

	tx.Reset()
	w = watchA(t, tx)
	wantError(t, "commit", tx.Commit(ctx), nil)
	w.Cancel()
	wantError(t, "cancelled before the first wait", w.Wait(ctx), kv.ErrCancelled)
}

// TestWatchOfPoisonedTransaction shows that no task waits forever for a transaction that can't commit.
func TestWatchOfPoisonedTransaction(t *testing.T) {
	_, tx := newTx()
	w := watchA(t, tx)
	tx.Set(kv.KeySpaceEnd(), nil)
	wantError(t, "commit", tx.Commit(ctx), kv.ErrOutOfRange)
	wantError(t, "wait", w.Wait(ctx), kv.ErrCancelled)
}

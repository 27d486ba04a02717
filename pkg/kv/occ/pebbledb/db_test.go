// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

func open(t *testing.T, fsys vfs.FS) *pebbledb.DB {
	t.Helper()
	db, err := pebbledb.Open("data", pebbledb.Options{FS: fsys, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closeDB(t *testing.T, db *pebbledb.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func set(key, value string) ryw.Mutation {
	return ryw.Mutation{Kind: ryw.MutationSet, Key: []byte(key), Value: []byte(value)}
}

func clearRange(begin, end string) ryw.Mutation {
	return ryw.Mutation{Kind: ryw.MutationClearRange, Key: []byte(begin), Value: []byte(end)}
}

func apply(t *testing.T, db *pebbledb.DB, v kv.Version, batch ...ryw.Mutation) {
	t.Helper()
	if err := db.Apply(v, batch); err != nil {
		t.Fatal(err)
	}
}

// contents reads everything, forwards and backwards.
func contents(t *testing.T, s occ.Snapshot) map[string]string {
	t.Helper()
	out, forward, backward := map[string]string{}, []string(nil), []string(nil)
	err := s.Range(nil, []byte{0xff}, false, func(key, value []byte) bool {
		out[string(key)] = string(value)
		forward = append(forward, string(key))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Range(nil, []byte{0xff}, true, func(key, value []byte) bool {
		backward = append(backward, string(key))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Reverse(backward); !slices.Equal(forward, backward) || !slices.IsSorted(forward) {
		t.Fatalf("keys forwards %q, backwards (turned) %q", forward, backward)
	}
	for key, want := range out {
		got, err := s.Get([]byte(key))
		if err != nil || got == nil || string(got) != want {
			t.Fatalf("get %q: %q, %v; the scan said %q", key, got, err, want)
		}
	}
	return out
}

func expect(t *testing.T, s occ.Snapshot, want map[string]string) {
	t.Helper()
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestReopen(t *testing.T) {
	disk := vfs.NewMem()
	db := open(t, disk)
	if v := db.Version(); v != 0 {
		t.Errorf("version of an empty store is %d", v)
	}
	apply(t, db, 7, set("", "empty key"), set("a", ""), set("b", "1"), set("c", "2"), clearRange("b", "b\x00"))
	apply(t, db, 9, set("d", "3"), clearRange("c", "d"), set("\xfe\xff", "last"))
	want := map[string]string{"": "empty key", "a": "", "d": "3", "\xfe\xff": "last"}
	for range 3 {
		if v := db.Version(); v != 9 {
			t.Errorf("version %d, want 9", v)
		}
		s := db.Snapshot()
		expect(t, s, want)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		closeDB(t, db)
		db = open(t, disk)
	}
	closeDB(t, db)
}

func TestRangeBoundsAndStop(t *testing.T) {
	db := open(t, vfs.NewMem())
	defer closeDB(t, db)
	apply(t, db, 1, set("a", "1"), set("b", "2"), set("c", "3"), set("d", "4"))
	s := db.Snapshot()
	defer s.Close()
	for _, c := range []struct {
		begin, end string
		reverse    bool
		limit      int
		want       string
	}{
		{"b", "d", false, 9, "bc"},
		{"b", "d", true, 9, "cb"},
		{"", "\xff", false, 2, "ab"},
		{"", "\xff", true, 2, "dc"},
		{"a\x00", "d\x00", false, 9, "bcd"},
		{"b", "b", false, 9, ""},
		{"c", "b", false, 9, ""},
	} {
		var got bytes.Buffer
		err := s.Range([]byte(c.begin), []byte(c.end), c.reverse, func(key, _ []byte) bool {
			got.Write(key)
			return got.Len() < c.limit
		})
		if err != nil || got.String() != c.want {
			t.Errorf("%+v: got %q, %v", c, got.String(), err)
		}
	}
}

func TestSnapshotsStayAsTheyWere(t *testing.T) {
	db := open(t, vfs.NewMem())
	defer closeDB(t, db)
	model, states, snapshots := map[string]string{}, []map[string]string(nil), []occ.Snapshot(nil)
	for v := kv.Version(1); v <= 30; v++ {
		key := fmt.Sprintf("k%d", v%7)
		apply(t, db, v, clearRange("k3", "k5"), set(key, fmt.Sprint(v)))
		delete(model, "k3")
		delete(model, "k4")
		model[key] = fmt.Sprint(v)
		states, snapshots = append(states, maps.Clone(model)), append(snapshots, db.Snapshot(), db.Snapshot())
		if v == 15 {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, s := range snapshots {
		expect(t, s, states[i/2])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFailedSync shows that a write that did not reach the disk is neither
// acknowledged nor seen, and ends the engine.
func TestFailedSync(t *testing.T) {
	fault := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			return errorfs.ErrInjected
		}
		return nil
	})}
	mem := vfs.NewMem()
	db := open(t, errorfs.Wrap(mem, &fault))
	apply(t, db, 1, set("a", "1"))
	fault.On()
	for range 2 {
		err := db.Apply(2, []ryw.Mutation{set("a", "2")})
		if !errors.Is(err, pebbledb.ErrFailed) {
			t.Fatalf("apply: %v, want ErrFailed", err)
		}
	}
	fault.Off()
	if err := db.Apply(3, []ryw.Mutation{set("a", "3")}); !errors.Is(err, pebbledb.ErrFailed) {
		t.Fatalf("apply after the disk recovered: %v, want ErrFailed", err)
	}
	s := db.Snapshot()
	expect(t, s, map[string]string{"a": "1"})
	if v := db.Version(); v != 1 {
		t.Errorf("version %d, want 1", v)
	}
	if err := errors.Join(s.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	if _, err := pebbledb.Open("data", pebbledb.Options{FS: mem}); !errors.Is(err, pebbledb.ErrLocked) {
		t.Errorf("opened again in the same process: %v, want ErrLocked", err)
	}
}

// TestFullDisk shows that a write that finds no room for a new log ends the engine with an error, not the process.
func TestFullDisk(t *testing.T) {
	fault := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && strings.HasSuffix(op.Path, ".log") {
			return &fs.PathError{Op: "create", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})}
	mem := vfs.NewCrashableMem()
	db := open(t, errorfs.Wrap(mem, &fault))
	fault.On()
	v, err := kv.Version(0), error(nil)
	for err == nil && v < 1000 {
		v++
		err = db.Apply(v, []ryw.Mutation{set(fmt.Sprint(v), strings.Repeat("v", 10_000))})
	}
	if !errors.Is(err, pebbledb.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d writes: %v, want ErrFailed for want of space", v, err)
	}
	s := db.Snapshot()
	if got := len(contents(t, s)); got != int(v-1) {
		t.Errorf("%d keys to be seen, %d were acknowledged", got, v-1)
	}
	if err := errors.Join(s.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	survivor := open(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	defer closeDB(t, survivor)
	if got := survivor.Version(); got < v-1 {
		t.Errorf("opened again, the store is at version %d, %d was acknowledged", got, v-1)
	}
}

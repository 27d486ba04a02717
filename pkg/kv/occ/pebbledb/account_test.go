// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// killed returns the files that a process leaves that dies at once: all that it has written is there.
func killed(t *testing.T, mem *vfs.MemFS) image {
	t.Helper()
	files, err := readImage(
		mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))}))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// lives are stores that were not closed, by how often each was opened before and how many tables it has.
func lives(t *testing.T, f func(t *testing.T, files image, want map[string]string)) {
	for _, life := range []struct{ lives, tables int }{{1, 0}, {1, 2}, {2, 0}, {3, 1}} {
		t.Run(fmt.Sprintf("life %d with %d tables", life.lives, life.tables), func(t *testing.T) {
			mem, want := vfs.NewCrashableMem(), map[string]string{}
			v := kv.Version(0)
			for n := range life.lives {
				db := open(t, mem)
				for range 20 * (life.tables + 1) {
					v++
					key, value := fmt.Sprintf("key%03d", v), fmt.Sprintf("value%03d%s", v, strings.Repeat("x", 5000))
					want[key] = value
					apply(t, db, v, ryw.Mutation{Kind: ryw.MutationSet, Key: []byte(key), Value: []byte(value)})
					if v%20 == 0 && n == life.lives-1 {
						if err := db.Flush(); err != nil {
							t.Fatal(err)
						}
						v++
						apply(t, db, v, ryw.Mutation{Kind: ryw.MutationSet, Key: []byte("last"), Value: []byte(key)})
						want["last"] = key
					}
				}
				if n < life.lives-1 {
					closeDB(t, db)
					continue
				}
				files := killed(t, mem)
				closeDB(t, db)
				f(t, files, want)
			}
		})
	}
}

// check opens a store with damaged files: all that was acknowledged is there, or the damage is reported, with a name
// if there is one.
func checkAcknowledgedOr(t *testing.T, what string, files image, want map[string]string, name string) (noticed bool) {
	t.Helper()
	got, err := readImageStore(files)
	switch {
	case err == nil && !maps.Equal(got, want):
		t.Errorf("%s: %d of %d pairs, and no error", what, len(got), len(want))
	case err != nil && !errors.Is(err, kv.ErrCorrupt):
		t.Errorf("%s: %v, want ErrCorrupt", what, err)
	case err != nil && !strings.Contains(err.Error(), name):
		t.Errorf("%s is not named by: %v", what, err)
	}
	return err != nil
}

// stands reports whether acknowledged data may be in a file, or be found by it.
func stands(name string) bool {
	return slices.Contains([]string{"log", "sst", "MANIFEST"}, kind(name)) || name == "FILES"
}

func TestDamagedFirstLife(t *testing.T) {
	lives(t, func(t *testing.T, files image, want map[string]string) {
		name := newestOf(files, "log")
		noticed := 0
		for at := 0; at < len(files[name]); at += 777 {
			damaged := maps.Clone(files)
			damaged[name] = bytes.Clone(files[name])
			damaged[name][at] ^= 1
			if checkAcknowledgedOr(t, fmt.Sprintf("bit of byte %d of %s", at, name), damaged, want, name) {
				noticed++
			}
		}
		if noticed == 0 {
			t.Error("nothing was noticed")
		}
	})
}

func TestDamagedFiles(t *testing.T) {
	lives(t, func(t *testing.T, files image, want map[string]string) {
		if got, err := readImageStore(files); err != nil || !maps.Equal(got, want) {
			t.Fatalf("the store as it was left: %d of %d pairs, %v", len(got), len(want), err)
		}
		current := newestOf(files, "MANIFEST")
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if kind(name) == "MANIFEST" && name != current || len(files[name]) == 0 {
				continue
			}
			named := ""
			if stands(name) {
				named, _, _ = strings.Cut(name, ".")
			}
			without := maps.Clone(files)
			delete(without, name)
			noticed := checkAcknowledgedOr(t, "without "+name, without, want, named)
			if stands(name) && !noticed && kind(name) != "sst" {
				t.Errorf("nobody misses %s", name)
			}
			for _, length := range []int{0, 1, len(files[name]) / 2, len(files[name]) - 1} {
				shortened := maps.Clone(files)
				shortened[name] = files[name][:length]
				checkAcknowledgedOr(t, fmt.Sprintf("%s of %d bytes, with %d", name, len(files[name]), length),
					shortened, want, "")
			}
			for _, other := range slices.Sorted(maps.Keys(files)) {
				swapped := maps.Clone(files)
				swapped[name], swapped[other] = files[other], files[name]
				checkAcknowledgedOr(t, name+" swapped with "+other, swapped, want, "")
				copied := maps.Clone(files)
				copied[name] = files[other]
				checkAcknowledgedOr(t, "a copy of "+other+" as "+name, copied, want, "")
			}
		}
	})
}

func TestDamagedByACopyUnderANewName(t *testing.T) {
	lives(t, func(t *testing.T, files image, want map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			for _, as := range []string{"999990.log", "999990.sst", "MANIFEST-999990", "OPTIONS-999990"} {
				copied := maps.Clone(files)
				copied[as] = files[name]
				checkAcknowledgedOr(t, "a copy of "+name+" as "+as, copied, want, "")
			}
		}
	})
}

// Tables of one size, with the keys of the same range, are told apart.
func TestDamagedBySwappedTablesOfOneSize(t *testing.T) {
	for range 20 { // whether two have one size is Pebble's affair
		if swapTablesOfOneSize(t) > 0 {
			return
		}
	}
	t.Error("no two tables had one size")
}

func swapTablesOfOneSize(t *testing.T) (swaps int) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	db, want := open(t, mem), map[string]string{}
	for v := kv.Version(1); v <= 8; v++ { // each with keys of its own: Pebble has nothing to merge
		var batch []ryw.Mutation
		for i := range 4 {
			key, value := fmt.Sprint("key", v, ".", i), strings.Repeat(fmt.Sprint(v), 8)
			want[key] = value
			batch = append(batch, set(key, value))
		}
		apply(t, db, v, batch...)
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	files := killed(t, mem)
	closeDB(t, db)
	sizes := map[int]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if kind(name) != "sst" {
			continue
		}
		if other, ok := sizes[len(files[name])]; ok {
			swapped := maps.Clone(files)
			swapped[name], swapped[other] = files[other], files[name]
			checkAcknowledgedOr(t, name+" swapped with "+other, swapped, want, ".sst")
			copied := maps.Clone(files)
			copied[name] = files[other]
			checkAcknowledgedOr(t, "a copy of "+other+" as "+name, copied, want, ".sst")
			swaps++
		}
		sizes[len(files[name])] = name
	}
	return swaps
}

// Of what was durable when the power went, the first sync of each log is known all the same, however old the account
// of its end is.
func TestDamagedAfterALossOfPower(t *testing.T) {
	mem := vfs.NewCrashableMem()
	db := open(t, mem)
	for v := kv.Version(1); v <= 20; v++ {
		apply(t, db, v, set(fmt.Sprintf("key%02d", v), "value"))
	}
	files, err := readImage(mem.CrashClone(vfs.CrashCloneCfg{}))
	closeDB(t, db)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readImageStore(files); err != nil || len(got) != 20 {
		t.Fatalf("as it was left: %d pairs, %v", len(got), err)
	}
	log := newestOf(files, "log")
	delete(files, log)
	if _, err := readImageStore(files); !errors.Is(err, kv.ErrCorrupt) || !strings.Contains(err.Error(), log) {
		t.Errorf("without its log: %v", err)
	}
}

// A store of a release that keeps no account gets one; and one that such a release has used since is not taken for
// damaged.
func TestAStoreOfAnEarlierRelease(t *testing.T) {
	mem := vfs.NewCrashableMem()
	db := open(t, mem)
	apply(t, db, 1, set("a", "1"))
	closeDB(t, db)
	earlier := func(key string) {
		t.Helper()
		p, err := pebble.Open(
			dataDir, &pebble.Options{FS: mem, FormatMajorVersion: pebble.FormatWALSyncChunks, Logger: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(mem.Remove(dataDir+"/CLOSED"), p.Set([]byte("u"+key), []byte("1"), pebble.Sync),
			p.Flush(), p.Close()); err != nil {
			t.Fatal(err)
		}
	}
	earlier("b")
	db = open(t, mem)
	apply(t, db, 2, set("c", "1"))
	closeDB(t, db)
	if err := errors.Join(mem.Remove(dataDir+"/FILES"), mem.Remove(dataDir+"/TAIL")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and stays so
		if _, err := pebbledb.Open(dataDir, pebbledb.Options{FS: mem}); !errors.Is(err, kv.ErrCorrupt) ||
			!strings.Contains(err.Error(), "FILES is missing") {
			t.Errorf("a store that has lost its account: %v", err)
		}
	}
}

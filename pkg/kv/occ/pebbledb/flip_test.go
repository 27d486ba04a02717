// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

var flips = flag.Int("flips", 320, "how many bits TestFlippedBits flips, one at a time")

// TestFlippedBits flips a bit of a store, or writes one sector of a file over another. Then either all that
// was written is read, or an error says that the store is corrupt and where. Only of the log of a store that was
// not closed may the last batch be lost, as in a loss of power.
func TestFlippedBits(t *testing.T) {
	told := map[string]int{}
	for variant := range 8 {
		tables, closed := variant/2, variant%2 == 0
		rng := rand.New(rand.NewPCG(5, uint64(variant)))
		files, states := filledStore(t, tables, closed)
		names := slices.Sorted(maps.Keys(files))
		for range *flips / 8 {
			name := names[rng.IntN(len(names))]
			if len(files[name]) == 0 {
				continue
			}
			right := states[len(states)-1:]
			if !closed && kind(name) == "log" { // nothing says that the last batch had been durable
				right = states[len(states)-2:]
			}
			damaged, what := damage(files[name], rng.IntN(8) == 0, rng)
			noticed, err := checkDamaged(files, right, name, damaged)
			if err != nil {
				t.Errorf("%s of a store with %d tables, closed %t: %s: %v", name, tables, closed, what, err)
			}
			if noticed {
				told[kind(name)]++
			}
		}
	}
	t.Log("damage that was noticed:", told)
	for _, kind := range []string{"sst", "log", "MANIFEST"} {
		if told[kind] == 0 {
			t.Errorf("no damage of any file of kind %s was noticed", kind)
		}
	}
}

// checkDamaged returns an error if a store of which a file is damaged does not notice what it should.
func checkDamaged(files image, right []map[string]string, name string, data []byte) (noticed bool, err error) {
	files = maps.Clone(files)
	files[name] = data
	got, err := readImageStore(files)
	if err == nil {
		if !slices.ContainsFunc(right, func(want map[string]string) bool { return maps.Equal(got, want) }) {
			return false, fmt.Errorf("%d wrong pairs and no error", len(got))
		}
		return false, nil
	}
	if name == "KELPIE" && errors.Is(err, pebbledb.ErrForeign) {
		return true, nil // another version may have written that
	}
	if !errors.Is(err, kv.ErrCorrupt) {
		return true, fmt.Errorf("%w, want ErrCorrupt", err)
	}
	number, _, _ := strings.Cut(name, ".")
	if kind(name) == "sst" || kind(name) == "log" { // other files are not always known to be those at fault
		if !strings.Contains(err.Error(), number) {
			return true, fmt.Errorf("not named by: %w", err)
		}
	} else if !strings.Contains(err.Error(), "data directory "+dataDir) {
		return true, fmt.Errorf("not named by: %w", err)
	}
	return true, nil
}

// newestOf returns the newest file of a kind.
func newestOf(files image, of string) (newest string) {
	for name := range files {
		if kind(name) == of {
			newest = max(newest, name)
		}
	}
	return newest
}

// kind is what kind of file has a name.
func kind(name string) string {
	if before, _, ok := strings.Cut(name, "-"); ok {
		return before
	}
	return name[strings.LastIndex(name, ".")+1:]
}

func damage(data []byte, misdirected bool, rng *rand.Rand) ([]byte, string) {
	out := bytes.Clone(data)
	if sectors := len(data) / sector; misdirected && sectors > 1 {
		from, to := rng.IntN(sectors)*sector, rng.IntN(sectors)*sector
		copy(out[to:to+sector], data[from:from+sector])
		return out, fmt.Sprintf("the sector at %d is at %d too", from, to)
	}
	at, bit := rng.IntN(len(data)), rng.IntN(8)
	out[at] ^= 1 << bit
	return out, fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(data))
}

// filledStore returns the files of a store with a number of tables flushed before it was closed, if it was, and what it
// held, batch by batch.
func filledStore(t *testing.T, tables int, closed bool) (image, []map[string]string) {
	t.Helper()
	mem, states := vfs.NewCrashableMem(), []map[string]string{{}}
	rng := rand.New(rand.NewPCG(6, 6))
	db := open(t, mem)
	for v := kv.Version(1); v <= 60; v++ {
		batch, state := randomBatch(rng, states[v-1])
		states = append(states, state)
		apply(t, db, v, batch...)
		if v%15 == 0 && v <= kv.Version(15*tables) {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var files image
	var err error
	if closed {
		closeDB(t, db)
		files, err = readImage(mem)
	} else {
		files, err = readImage(mem.CrashClone(vfs.CrashCloneCfg{}))
		closeDB(t, db)
	}
	if err != nil {
		t.Fatal(err)
	}
	return files, states
}

// readImageStore opens a store and reads all of it.
func readImageStore(files image) (map[string]string, error) {
	mem, err := files.disk()
	if err != nil {
		return nil, err
	}
	db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: mem, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	s := db.Snapshot()
	err = s.Range(nil, []byte{0xff}, false, func(key, value []byte) bool {
		got[string(key)] = string(value)
		return true
	})
	return got, errors.Join(err, s.Close(), db.Close())
}

// TestDamagedManifest damages the records of manifests, of stores that were not closed, that others follow.
func TestDamagedManifest(t *testing.T) {
	files, _ := filledStore(t, 3, false)
	newest := newestOf(files, "MANIFEST")
	for name, data := range files {
		if name != newest {
			continue
		}
		for at := range len(data) / 2 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 1
			files := maps.Clone(files)
			files[name] = damaged
			if _, err := readImageStore(files); !errors.Is(err, kv.ErrCorrupt) ||
				!strings.Contains(err.Error(), name+": damaged at byte") {
				t.Fatalf("byte %d of %d: %v, want ErrCorrupt and the record", at, len(data), err)
			}
		}
		return
	}
	t.Fatal("no manifest")
}

// TestDamagedLog damages the newest log of a store that was not closed, all along: whatever was known to be durable
// is missed.
func TestDamagedLog(t *testing.T) {
	const step = 2003
	files, states := filledStore(t, 0, false)
	newest := newestOf(files, "log")
	data, noticed := files[newest], 0
	for at := 0; at < len(data); at += step {
		damaged := bytes.Clone(data)
		damaged[at] ^= 1
		told, err := checkDamaged(files, states[len(states)-2:], newest, damaged)
		if err != nil {
			t.Fatalf("byte %d of %d: %v", at, len(data), err)
		}
		if told {
			noticed++
		}
	}
	// What comes after the last batch is of a log that had the file before.
	if noticed < 20 {
		t.Errorf("of %d damages to %s, %d were noticed", len(data)/step, newest, noticed)
	}
}

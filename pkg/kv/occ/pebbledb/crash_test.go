// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// crasher loses power before its after-th operation on files: it keeps what a disk
// would then hold, and which versions had been acknowledged and begun.
type crasher struct {
	disk  *vfs.MemFS
	rng   *rand.Rand
	after int64

	operations    atomic.Int64
	acknowledged  atomic.Int64
	begun         atomic.Int64
	crashed       atomic.Bool
	survivor      *vfs.MemFS
	lowest, upper kv.Version
}

func (c *crasher) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && c.operations.Add(1) == c.after {
		c.lowest = kv.Version(c.acknowledged.Load())
		c.survivor = c.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 10 * c.rng.IntN(11), RNG: c.rng})
		c.upper = kv.Version(c.begun.Load())
		c.crashed.Store(true)
	}
	return nil
}

func (c *crasher) String() string { return "crash" }

// history is what the store held after each version.
type history map[kv.Version]map[string]string

// TestCrash loses power at random operations, again and again on the same disk:
// what was acknowledged is there, and what was not is there in whole or not at all.
func TestCrash(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			disk, states, version := vfs.NewCrashableMem(), history{0: {}}, kv.Version(0)
			for range rounds {
				c := &crasher{disk: disk, rng: rand.New(rand.NewPCG(rng.Uint64(), 2)), after: 1 + rng.Int64N(120)}
				c.acknowledged.Store(int64(version))
				c.begun.Store(int64(version))
				writeUntilCrash(t, c, rng, states)
				disk = c.survivor
				version = checkSurvivor(t, c, states)
			}
		})
	}
}

func writeUntilCrash(t *testing.T, c *crasher, rng *rand.Rand, states history) {
	db := open(t, errorfs.Wrap(c.disk, c))
	for !c.crashed.Load() {
		last := db.Version()
		v := last + 1 + kv.Version(rng.IntN(3))
		batch, state := randomBatch(rng, states[last])
		states[v] = state
		c.begun.Store(int64(v))
		apply(t, db, v, batch...)
		c.acknowledged.Store(int64(v))
		if rng.IntN(10) == 0 {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeDB(t, db)
}

func randomBatch(rng *rand.Rand, state map[string]string) ([]ryw.Mutation, map[string]string) {
	state = maps.Clone(state)
	var batch []ryw.Mutation
	for range 1 + rng.IntN(12) {
		a, b := randomKey(rng), randomKey(rng)
		switch {
		case rng.IntN(6) == 0 && a < b:
			batch = append(batch, clearRange(a, b))
			maps.DeleteFunc(state, func(key, _ string) bool { return a <= key && key < b })
		case rng.IntN(4) == 0:
			batch = append(batch, clearRange(a, a+"\x00"))
			delete(state, a)
		default:
			value := strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(4000))
			batch = append(batch, set(a, value))
			state[a] = value
		}
	}
	return batch, state
}

func randomKey(rng *rand.Rand) string { return fmt.Sprintf("%02d", rng.IntN(40)) }

func checkSurvivor(t *testing.T, c *crasher, states history) kv.Version {
	t.Helper()
	db, err := pebbledb.Open("data", pebbledb.Options{FS: c.survivor})
	if err != nil {
		t.Fatalf("after a crash before operation %d: %v", c.after, err)
	}
	v := db.Version()
	if v < c.lowest || v > c.upper {
		t.Fatalf("after a crash the store is at version %d; %d was acknowledged and %d begun", v, c.lowest, c.upper)
	}
	s := db.Snapshot()
	expect(t, s, states[v])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closeDB(t, db)
	return v
}

// TestCrashBetweenLogs loses power while a store that opens has removed the logs of its last life, or is about to, and
// has not begun the next.
func TestCrashBetweenLogs(t *testing.T) {
	disk := vfs.NewCrashableMem()
	db := open(t, disk)
	apply(t, db, 1, set("key", "value"))
	closeDB(t, db)
	logs := 0
	names, err := disk.List(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			logs++
		}
	}
	if logs == 0 {
		t.Fatal("a closed store has no log: this test tests nothing")
	}
	var survivors []*vfs.MemFS // owned by the task that removes, until removed is closed
	lose := func() {
		survivors = append(survivors, disk.CrashClone(vfs.CrashCloneCfg{}))
	}
	removed := make(chan struct{})
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !strings.HasSuffix(op.Path, ".log") {
			return nil
		}
		switch op.Kind {
		case errorfs.OpRemove:
			lose()
			if len(survivors) == logs {
				close(removed)
			}
		case errorfs.OpCreate, errorfs.OpReuseForWrite:
			select {
			case <-removed:
				lose()
			case <-time.After(time.Minute):
				t.Error("the next log is made before the last ones are removed: this test tests nothing")
			}
		}
		return nil
	})
	closeDB(t, open(t, errorfs.Wrap(disk, injector)))
	for i, survivor := range survivors {
		db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: survivor})
		if err != nil {
			t.Errorf("after crash %d of %d: %v", i+1, len(survivors), err)
			continue
		}
		s := db.Snapshot()
		expect(t, s, map[string]string{"key": "value"})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		closeDB(t, db)
	}
}

// A store that was not finished is made once more, and one that was is not, whatever a crash has left of the two files
// that tell.
func TestWhatACrashLeavesOfMarkers(t *testing.T) {
	mem := vfs.NewMem()
	db := open(t, mem)
	apply(t, db, 1, set("a", "1"))
	closeDB(t, db)
	files, err := readImage(mem)
	if err != nil {
		t.Fatal(err)
	}
	text := files["KELPIE"]
	unfinished := image{"KELPIE.new": text, "000002.log": nil}
	torn := maps.Clone(unfinished)
	torn["KELPIE"] = text[:5]
	both := maps.Clone(files)
	both["KELPIE.new"] = text
	for name, c := range map[string]struct {
		files image
		want  map[string]string
	}{
		"before the last file":  {unfinished, map[string]string{}},
		"the last file is torn": {torn, map[string]string{}},
		"both are whole":        {both, map[string]string{"a": "1"}},
	} {
		mem := vfs.NewMem()
		putImage(t, mem, c.files)
		db := open(t, mem)
		s := db.Snapshot()
		expect(t, s, c.want)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		closeDB(t, db)
		after, err := readImage(mem)
		if err != nil || after["KELPIE.new"] != nil || !bytes.Equal(after["KELPIE"], text) {
			t.Errorf("%s: KELPIE is %q, KELPIE.new %q, %v", name, after["KELPIE"], after["KELPIE.new"], err)
		}
	}
	both["KELPIE"] = text[:5]
	mem = vfs.NewMem()
	putImage(t, mem, both)
	if _, err := pebbledb.Open(dataDir, pebbledb.Options{FS: mem}); !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("a damaged marker of a store that was finished: %v", err)
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

var (
	crashPoints = flag.Int("crash.points", 200, "how often TestCrashPoints takes the power away")
	crashSeed   = flag.Uint64("crash.seed", 1, "what TestCrashPoints draws from")
)

// generations is how often the power goes on one disk, before the next test begins with an empty one.
const generations = 20

// TestCrashPoints takes the power away, or kills the process, before random operations on the disk, while tasks
// commit transactions to a store, and while the store recovers from the last time. On the disk of then the store
// opens, and of each task it has the effects of all transactions up to one that is not before the last acknowledged,
// in order, in whole and at the versions that were told.
func TestCrashPoints(t *testing.T) {
	for first := 0; first < *crashPoints; first += generations {
		c := newCrashes(*crashSeed + uint64(first))
		if err := c.run(min(generations, *crashPoints-first)); err != nil {
			t.Fatalf("-crash.seed=%d, crash %d: %v", c.seed, c.generation, err)
		}
	}
}

// TestCrashPointsFindALie shows that the test above can fail: it does on a disk that only says that it has synced.
func TestCrashPointsFindALie(t *testing.T) {
	for seed := range uint64(50) {
		c := newCrashes(seed)
		c.forgetful = true
		if err := c.run(generations); err != nil {
			t.Logf("seed %d, crash %d: %v", seed, c.generation, err)
			return
		}
	}
	t.Error("nothing was missed on disks that forget what they have acknowledged")
}

// crashes is a disk, and what must be on it.
type crashes struct {
	seed       uint64
	rng        *rand.Rand
	mem        *vfs.MemFS
	forgetful  bool
	generation int
	writers    []*crashWriter
}

func newCrashes(seed uint64) *crashes {
	c := &crashes{seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), mem: vfs.NewCrashableMem()}
	for i := range 4 {
		c.writers = append(c.writers, newCrashWriter(fmt.Sprintf("w%d", i), seed))
	}
	return c
}

func (c *crashes) run(n int) error {
	for c.generation = range n {
		if err := c.live(); err != nil {
			return err
		}
	}
	return c.check()
}

// live is the time up to the next crash.
func (c *crashes) live() error {
	crashed, survivor, taken := atomic.Bool{}, (*vfs.MemFS)(nil), error(nil)
	at := 1 + c.rng.Int64N(150)
	if c.rng.IntN(3) == 0 {
		at = 1 + c.rng.Int64N(30) // most likely while the store opens
	}
	d := &disk{FS: c.mem, forgetful: c.forgetful, crashAt: at}
	// The bounds of the crash before are still needed: the power may go while the store is checked against them.
	least, most := make([]int64, len(c.writers)), make([]int64, len(c.writers))
	d.crash = func() {
		for i, w := range c.writers {
			least[i] = w.acked.Load()
		}
		survivor, taken = c.lose()
		for i, w := range c.writers {
			most[i] = w.begun.Load()
		}
		crashed.Store(true)
	}
	if err := c.work(d, crashed.Load); err != nil {
		return err
	}
	for i, w := range c.writers {
		w.least, w.most = least[i], most[i]
		w.acked.Store(w.least)
		w.begun.Store(w.most)
	}
	c.mem = survivor
	return taken
}

// lose is the disk after the crash.
func (c *crashes) lose() (*vfs.MemFS, error) {
	i, err := takeImages(c.mem)
	if err != nil {
		return nil, err
	}
	if c.rng.IntN(4) == 0 {
		return i.afterKill()
	}
	return i.afterPowerLoss(c.rng).disk()
}

// work opens the store, checks it, and has the writers work until the crash.
func (c *crashes) work(d *disk, crashed func() bool) error {
	db, err := c.open(d)
	if err != nil {
		return err
	}
	found, err := c.checked(db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	store, err := occ.Open(env.Real(), db, occ.Options{})
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	d.mu.RLock() // so that it is known on which side of the crash this is
	if !crashed() {
		for i, w := range c.writers { // what can be read from here on must not be lost any more
			w.settle(found[i])
		}
	}
	d.mu.RUnlock()
	var wg sync.WaitGroup
	errs := make([]error, len(c.writers))
	for i, w := range c.writers {
		wg.Go(func() {
			for !crashed() && errs[i] == nil {
				errs[i] = w.commit(store)
				if errs[i] == nil && i == 0 && w.acked.Load()%16 == 0 {
					errs[i] = db.Flush()
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, store.Close())...)
}

func (c *crashes) open(fsys vfs.FS) (*pebbledb.DB, error) {
	db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: fsys, CacheBytes: 1 << 20, MemTableBytes: 64 << 10})
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	return db, nil
}

// check opens the store on what the last crash has left.
func (c *crashes) check() error {
	db, err := c.open(c.mem)
	if err != nil {
		return err
	}
	_, err = c.checked(db)
	return errors.Join(err, db.Close())
}

// checked returns the number of the last transaction of each writer, if all is as it must be.
func (c *crashes) checked(db *pebbledb.DB) (found []int64, err error) {
	s := db.Snapshot()
	defer func() { err = errors.Join(err, s.Close()) }()
	states, logs := map[string]map[string]string{}, map[string][]string{}
	err = s.Range(nil, []byte{0xff}, false, func(key, value []byte) bool {
		if stamp, ok := strings.CutPrefix(string(key), "log/"); ok {
			logs[string(value)] = append(logs[string(value)], stamp)
			return true
		}
		name, _, _ := strings.Cut(string(key), "/")
		if states[name] == nil {
			states[name] = map[string]string{}
		}
		states[name][string(key)] = string(value)
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, w := range c.writers {
		n, err := w.check(states[w.name], logs[w.name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		found = append(found, n)
	}
	return found, nil
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// smallDisk is a disk of some size, of which others may have a part.
type smallDisk struct {
	disk
	mem   *vfs.MemFS
	size  int64
	other atomic.Int64
	// changes counts operations other than syncs of what was written.
	changes atomic.Int64
}

func newSmallDisk(size int64) *smallDisk {
	mem := vfs.NewMem()
	s := &smallDisk{disk: disk{FS: mem}, mem: mem, size: size}
	s.fault = func(op *operation) error {
		s.changes.Add(1)
		full := &fs.PathError{Op: op.kind, Path: op.path, Err: syscall.ENOSPC}
		switch free := s.free(); {
		case op.kind == "create" && free <= 0:
			return full
		case op.kind == "write" && int64(len(op.data)) > free:
			if _, err := op.part(op.data[:max(free, 0)]); err != nil {
				return err
			}
			return full
		}
		return nil
	}
	return s
}

func (s *smallDisk) free() int64 {
	names, err := s.mem.List(dataDir)
	if err != nil {
		return s.size - s.other.Load()
	}
	used := int64(0)
	for _, name := range names {
		if info, err := s.mem.Stat(s.mem.PathJoin(dataDir, name)); err == nil {
			used += info.Size()
		}
	}
	return s.size - used - s.other.Load()
}

// leave has others take all but n bytes.
func (s *smallDisk) leave(n int64) { s.other.Add(s.free() - n) }

// GetDiskUsage implements vfs.FS.
func (s *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := uint64(max(s.free(), 0))
	return vfs.DiskUsage{AvailBytes: free, TotalBytes: uint64(s.size), UsedBytes: uint64(s.size) - free}, nil
}

// logged is a log that a test reads.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func openSmall(t *testing.T, d *smallDisk, wait bool, log *logged) *pebbledb.DB {
	t.Helper()
	db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: d, CacheBytes: 1 << 20, WaitForRoom: wait,
		Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// fillUp applies batches of 64 KiB until one fails, and returns the number of those that did not.
func fillUp(db *pebbledb.DB, from kv.Version, most int) (n int, err error) {
	rng := rand.New(rand.NewPCG(1, uint64(from)))
	for ; n < most; n++ {
		v := from + kv.Version(n)
		if err := db.Apply(v, bulk(rng, v)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// bulk is a batch of 64 KiB.
func bulk(rng *rand.Rand, v kv.Version) []ryw.Mutation {
	return []ryw.Mutation{set(fmt.Sprintf("key/%08d", v), incompressible(rng, 64<<10))}
}

// patience is how long a test waits for what takes a moment on a machine that is not busy.
const patience = 2 * time.Minute

// within fails the test unless f returns within patience.
func within[T any](t *testing.T, what string, f func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case v := <-done:
		return v
	case <-time.After(patience):
		t.Fatal(what + " does not return")
		panic("unreachable")
	}
}

// TestFullDiskEndsTheStore fills a disk, past all bounds that a store sets itself, up to the last byte: the store
// fails, with an error that names the directory and sizes, and neither spins nor floods the log.
func TestFullDiskEndsTheStore(t *testing.T) {
	d, log := newSmallDisk(24<<20), &logged{}
	db := openSmall(t, d, false, log)
	err := within(t, "a store on a full disk", func() error { _, err := fillUp(db, 1, 1000); return err })
	if !errors.Is(err, pebbledb.ErrFull) || !errors.Is(err, pebbledb.ErrFailed) {
		t.Fatalf("a full disk: %v", err)
	}
	for _, want := range []string{"the disk of data is full", "bytes free", "needed"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	within(t, "closing it", db.Close)
	if lines := strings.Count(log.String(), "\n"); lines > 20 || strings.Contains(log.String(), "goroutine") {
		t.Errorf("%d lines of log:\n%s", lines, log)
	}
	// With room, all that was acknowledged is there: to another process, as this one keeps the directory locked.
	d.mu.Lock() // tasks may still remove files
	files, err := readImage(d.mem)
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	d = newSmallDisk(300 << 20)
	putImage(t, d.mem, files)
	db = openSmall(t, d, false, log)
	defer closeDB(t, db)
	if db.Version() < 10 {
		t.Errorf("version %d after the full disk", db.Version())
	}
}

// TestFullDiskIsWaitedFor has a store wait until there is room: nothing fails, and what was written is there. Meanwhile
// it says that it is full, and can be closed.
func TestFullDiskIsWaitedFor(t *testing.T) {
	d, log := newSmallDisk(24<<20), &logged{}
	db := openSmall(t, d, true, log)
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := fillUp(db, 1, 500)
		done <- result{n, err}
	}()
	// It may wait several times: Pebble deletes what it needs no longer, and has room again for a moment.
	deadline := time.Now().Add(patience)
	for !strings.Contains(log.String(), "waiting for room") ||
		!errors.Is(db.Admit(occ.Write{Bytes: 100}), kv.ErrFull) {
		select {
		case r := <-done:
			t.Fatalf("%d batches went onto the disk, and no write was refused meanwhile; then %v", r.n, r.err)
		case <-time.After(10 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatalf("it does not wait for room; its log:\n%s", log)
			}
		}
	}
	s := db.Snapshot()
	if got := contents(t, s); len(got) == 0 {
		t.Error("nothing can be read while it waits")
	}
	if err := within(t, "giving up what was read", s.Close); err != nil {
		t.Error(err)
	}
	d.other.Store(-100 << 20)
	if r := within(t, "writing, with room", func() result { return <-done }); r.n != 500 || r.err != nil {
		t.Errorf("with room: %d batches, then %v", r.n, r.err)
	}
	if lines := strings.Count(log.String(), "\n"); lines > 40 {
		t.Errorf("%d lines of log:\n%s", lines, log)
	}
	said := strings.Count(log.String(), "waiting for room")
	d.leave(0)
	go func() {
		n, err := fillUp(db, 1000, 500)
		done <- result{n, err}
	}()
	eventually(t, "it waits again", func() bool { return strings.Count(log.String(), "waiting for room") > said })
	db.Interrupt()
	if r := within(t, "a write that waited", func() result { return <-done }); !errors.Is(r.err, pebbledb.ErrFull) {
		t.Errorf("a write that waited for room when the store was closed: %v", r.err)
	}
	within(t, "closing it", db.Close)
}

// TestReadingEndsWhileTheManifestWaits has a store wait for room for its manifest alone, which Pebble holds locked
// meanwhile. What was read before can be given up, and is read again.
func TestReadingEndsWhileTheManifestWaits(t *testing.T) {
	d, log := newSmallDisk(60<<20), &logged{}
	full := atomic.Bool{}
	d.fault = func(op *operation) error {
		if full.Load() && op.kind == "write" && strings.Contains(op.path, "MANIFEST-") {
			return &fs.PathError{Op: op.kind, Path: op.path, Err: syscall.ENOSPC}
		}
		return nil
	}
	db := openSmall(t, d, true, log)
	apply(t, db, 1, set("a", "1"))
	earliest := db.Snapshot()
	apply(t, db, 2, set("b", "2"))
	full.Store(true)
	flushed := make(chan error, 1)
	go func() { flushed <- db.Flush() }()
	eventually(t, "it waits for room", func() bool { return strings.Contains(log.String(), "waiting for room") })
	if err := within(t, "giving up the earliest snapshot", earliest.Close); err != nil {
		t.Error(err)
	}
	latest := db.Snapshot()
	expect(t, latest, map[string]string{"a": "1", "b": "2"})
	if err := within(t, "giving up the latest snapshot", latest.Close); err != nil {
		t.Error(err)
	}
	full.Store(false)
	if err := within(t, "writing a table, with room", func() error { return <-flushed }); err != nil {
		t.Error(err)
	}
	closeDB(t, db)
}

// TestAlmostFullDiskRefusesWrites shows what a store does below the floor: writes are refused at once, and have not
// happened; reading, deleting, heartbeats, and small writes that say so go on, and there is a reserve file, which is
// released when even these find no room. With room again writes are taken again.
func TestAlmostFullDiskRefusesWrites(t *testing.T) {
	d, log := newSmallDisk(60<<20), &logged{}
	db := openSmall(t, d, false, log)
	store, err := occ.Open(env.Real(), db, occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(opt kv.TxOptions, write func(tx kv.Tx)) error {
		tx := store.Begin(opt)
		write(tx)
		return tx.Commit(context.Background())
	}
	put := func(tx kv.Tx) { tx.Set([]byte("a"), []byte("1")) }
	if err := commit(kv.TxOptions{}, put); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a reserve file", func() bool { return size(d, "RESERVE") == d.size/pebbledb.ReserveShare })
	d.leave(d.size/pebbledb.FloorShare - 1)
	eventually(t, "writes are refused", func() bool { return errors.Is(commit(kv.TxOptions{}, put), kv.ErrFull) })
	if err := commit(kv.TxOptions{}, put); !kv.NeverCommitted(err) ||
		!strings.Contains(err.Error(), "disk almost full: the disk of data has ") {
		t.Errorf("a write below the floor: %v", err)
	}
	for what, f := range map[string]func() error{
		"a heartbeat":  func() error { return commit(kv.TxOptions{Priority: kv.PriorityHigh}, put) },
		"a claim":      func() error { return commit(kv.TxOptions{Reserved: true}, put) },
		"a deletion":   func() error { return commit(kv.TxOptions{}, func(tx kv.Tx) { tx.Clear([]byte("b")) }) },
		"what is read": func() error { return commit(kv.TxOptions{}, func(kv.Tx) {}) },
	} {
		if err := f(); err != nil {
			t.Errorf("%s below the floor: %v", what, err)
		}
	}
	d.leave(d.size/pebbledb.FloorShare/4 - 1)
	eventually(t, "the reserve is released", func() bool { return size(d, "RESERVE") == 0 })
	d.other.Store(0)
	eventually(t, "writes are taken again", func() bool { return commit(kv.TxOptions{}, put) == nil })
	eventually(t, "a new reserve file", func() bool { return size(d, "RESERVE") > 0 })
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func size(d *smallDisk, name string) int64 {
	info, err := d.mem.Stat(d.mem.PathJoin(dataDir, name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// eventually waits until the store has looked at its disk.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not in %v: %s", patience, what)
}

// TestOpenOnAFullDisk opens a store that was not closed with more and more room. Opening it to write fails at once with
// the sizes, or succeeds; opening it to read always succeeds, shows all, and changes nothing.
func TestOpenOnAFullDisk(t *testing.T) {
	const batches = 20
	made := newSmallDisk(300 << 20)
	db := openSmall(t, made, false, &logged{})
	if n, err := fillUp(db, 1, batches); n != batches || err != nil {
		t.Fatal(n, err)
	}
	files, err := readImage(made.mem)
	if err != nil {
		t.Fatal(err)
	}
	closeDB(t, db)
	delete(files, "RESERVE")
	opened, refused := 0, 0
	for _, left := range []int64{0, 1, 1000, 64 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20} {
		d := newSmallDisk(300 << 20)
		putImage(t, d.mem, files)
		d.leave(left)
		db := within(t, "opening to read", func() *pebbledb.DB {
			db, err := pebbledb.OpenReadOnly(dataDir, pebbledb.Options{FS: d})
			if err != nil {
				t.Fatalf("%d bytes left: %v", left, err)
			}
			return db
		})
		s := db.Snapshot()
		if got := contents(t, s); len(got) != batches {
			t.Errorf("%d bytes left: %d of %d keys", left, len(got), batches)
		}
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
		if n := d.changes.Load(); n != 0 {
			t.Errorf("%d bytes left: reading has done %d operations that change the disk", left, n)
		}
		err := within(t, "opening", func() error {
			db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: d})
			if err == nil {
				opened++
				err = db.Close()
			}
			return err
		})
		if err != nil {
			refused++
			var full *pebbledb.FullError
			if !errors.As(err, &full) || full.Free > left || full.Needed <= left || full.Dir != dataDir {
				t.Errorf("%d bytes left: %v", left, err)
			}
		}
	}
	if opened == 0 || refused == 0 {
		t.Errorf("%d opened, %d refused", opened, refused)
	}
}

func putImage(t *testing.T, mem *vfs.MemFS, files image) {
	t.Helper()
	if err := mem.MkdirAll(dataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		f, err := mem.Create(mem.PathJoin(dataDir, name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Clone(data)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiskThatFillsUpWhileOpening fills the disk at each operation of opening: it fails or succeeds, and never hangs.
func TestDiskThatFillsUpWhileOpening(t *testing.T) {
	made := newSmallDisk(300 << 20)
	db := openSmall(t, made, false, &logged{})
	if n, err := fillUp(db, 1, 3); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	files, err := readImage(made.mem)
	if err != nil {
		t.Fatal(err)
	}
	closeDB(t, db)
	delete(files, "RESERVE")
	for at := int64(1); ; at++ {
		d := newSmallDisk(300 << 20)
		putImage(t, d.mem, files)
		enough, n := d.fault, atomic.Int64{}
		d.fault = func(op *operation) error {
			if n.Add(1) == at {
				d.leave(0)
			}
			return enough(op)
		}
		err := within(t, fmt.Sprintf("opening, with a disk that is full from operation %d on", at), func() error {
			db, err := pebbledb.Open(dataDir, pebbledb.Options{FS: d})
			if err == nil {
				err = db.Close()
			}
			return err
		})
		if err != nil && !errors.Is(err, pebbledb.ErrFull) && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full from operation %d on: %v", at, err)
		}
		if n.Load() < at {
			return
		}
	}
}

// TestReadOnly reads a store that was closed, and one that was not; damage is found as by opening it to write.
func TestReadOnly(t *testing.T) {
	mem := vfs.NewMem()
	if _, err := pebbledb.OpenReadOnly(dataDir, pebbledb.Options{FS: mem}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a store: %v", err)
	}
	db := open(t, mem)
	apply(t, db, 3, set("a", "1"))
	files, err := readImage(mem)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pebbledb.OpenReadOnly(dataDir, pebbledb.Options{FS: mem}); !errors.Is(err, pebbledb.ErrLocked) {
		t.Errorf("of a store that is open: %v", err)
	}
	closeDB(t, db)
	unclosed := vfs.NewMem()
	putImage(t, unclosed, files)
	for name, mem := range map[string]*vfs.MemFS{"closed": mem, "not closed": unclosed} {
		before, err := readImage(mem)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			db, err := pebbledb.OpenReadOnly(dataDir, pebbledb.Options{FS: mem})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s := db.Snapshot()
			expect(t, s, map[string]string{"a": "1"})
			if err := db.Apply(100, nil); err != nil {
				t.Errorf("an empty batch: %v", err)
			}
			if err := db.Admit(occ.Write{Bytes: 1, Deletes: true}); err == nil {
				t.Error("a write is admitted")
			}
			if err := errors.Join(s.Close(), db.Close()); err != nil {
				t.Error(err)
			}
		}
		after, err := readImage(mem)
		if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("%s: reading has changed files, %v", name, err)
		}
	}
	for file := range files {
		if strings.HasSuffix(file, ".log") {
			delete(files, file)
		}
	}
	lost := vfs.NewMem()
	putImage(t, lost, files)
	if _, err := pebbledb.OpenReadOnly(dataDir, pebbledb.Options{FS: lost}); !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("without its logs: %v", err)
	}
}

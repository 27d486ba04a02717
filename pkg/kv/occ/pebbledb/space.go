// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// Sizes that depend on the disk, so that a small one serves as well. docs/operating.md has them for people.
const (
	// FloorShare and FloorBytesMax say how much of a disk stays free: below that share of it, or that many bytes,
	// writes are refused. It is room for the log and for the tables of what is in memory, and for compactions.
	FloorShare    = 6
	FloorBytesMax = 160 << 20
	// hardShare is the part of the floor below which only what deletes, and heartbeats, may write.
	hardShare = 4
	// ReserveShare and ReserveBytesMax bound the reserve file in the same way.
	ReserveShare    = 20
	ReserveBytesMax = 64 << 20
	// memTableShare bounds what is in memory and in the log: a table of it has to fit the disk.
	memTableShare    = 32
	memTableBytesMin = 256 << 10
	// openBytes is what opening writes beside the tables of what is in the log: manifest, options, markers, account.
	openBytes = 256 << 10
)

const (
	// reserveName is a file without meaning. It is deleted when the disk is full, so that there is room to read, to
	// delete and to open the store.
	reserveName = "RESERVE"
	// spaceInterval is how often the free space is looked at.
	spaceInterval = time.Second
	// tablePauseMin and tablePauseMax bound the pause after a table that could not be written: Pebble tries at once.
	tablePauseMin = 50 * time.Millisecond
	tablePauseMax = 5 * time.Second
)

// ErrFull is in the chain of errors that say that the disk has no room: they are *FullError.
var ErrFull = errors.New("disk full")

// FullError says that a disk has not the room that is needed. Sizes are in bytes.
type FullError struct {
	Dir          string
	Free, Needed int64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk of %s is full: %d bytes free, %d needed", e.Dir, e.Free, e.Needed)
}

// Is reports whether target is ErrFull, or the system's error for a full disk.
func (e *FullError) Is(target error) bool {
	return target == ErrFull || target == error(syscall.ENOSPC)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}

// space is what is known of the room on the disk of a store.
type space struct {
	fs   vfs.FS
	dir  string
	log  *slog.Logger
	wait bool // for room, rather than fail
	// total is the size of the disk; 0 if the system does not say.
	total int64

	free    atomic.Int64 // as of the last look; MaxInt64 if it is not known
	written atomic.Int64 // since the last look
	refuses atomic.Bool  // writes, since the disk is almost full
	waits   atomic.Int32 // operations that wait for room
	starved atomic.Bool  // the last compaction found no room
	stalled atomic.Bool  // Pebble takes no writes until there are fewer tables

	mu        sync.Mutex
	reserve   int64         // size of the reserve file, 0 if there is none
	closing   chan struct{} // closed when nothing is waited for any more
	closed    bool
	watchers  sync.WaitGroup
	lastTable time.Duration // pause after the last table that could not be written
}

func newSpace(fsys vfs.FS, dir string, opt Options) *space {
	s := &space{fs: fsys, dir: dir, log: opt.Logger, wait: opt.WaitForRoom, closing: make(chan struct{})}
	if usage, err := fsys.GetDiskUsage(dir); err == nil {
		s.total = int64(min(usage.TotalBytes, math.MaxInt64))
	}
	if info, err := fsys.Stat(s.reservePath()); err == nil && taken(info) >= info.Size()/2 { // a copy may take nothing
		s.reserve = info.Size()
	}
	s.look()
	return s
}

func (s *space) reservePath() string { return s.fs.PathJoin(s.dir, reserveName) }

// floor is how much stays free: below, writes are refused. 0 on a disk of unknown size.
func (s *space) floor() int64 { return min(s.total/FloorShare, FloorBytesMax) }

func (s *space) hardFloor() int64 { return s.floor() / hardShare }

// reserveBytes is the size of the reserve file.
func (s *space) reserveBytes() int64 { return min(s.total/ReserveShare, ReserveBytesMax) }

// memTableBytes bounds the size of a memtable by that of the disk.
func (s *space) memTableBytes(wanted int) int {
	if s.total == 0 {
		return wanted
	}
	return min(wanted, int(max(s.total/memTableShare, memTableBytesMin)))
}

// look asks the system for the free space.
func (s *space) look() int64 {
	free := int64(math.MaxInt64)
	s.written.Store(0)
	if s.total > 0 {
		if usage, err := s.fs.GetDiskUsage(s.dir); err == nil {
			free = int64(min(usage.AvailBytes, math.MaxInt64))
		}
	}
	s.free.Store(free)
	s.decide(free)
	return free
}

// decide begins or ends to refuse writes. It takes them again a little above the floor, so as not to change its mind
// with every table.
func (s *space) decide(free int64) {
	switch {
	case free < s.floor() && s.refuses.CompareAndSwap(false, true):
		s.log.Warn("disk almost full: writes are refused, reading and deleting go on", "dir", s.dir, "free", free,
			"needed", s.floor())
	case free >= s.floor()+s.floor()/8 && s.refuses.CompareAndSwap(true, false):
		s.log.Info("the disk has room again: writes are taken", "dir", s.dir, "free", free)
	}
}

// admit returns nil if a write may go on, else kv.ErrFull.
func (s *space) admit(w occ.Write) error {
	if (s.waits.Load() > 0 || s.starved.Load()) && !w.Deletes {
		return s.full(s.look())
	}
	free := s.free.Load()
	if written := s.written.Add(int64(w.Bytes)); free-2*written < s.floor() && !s.refuses.Load() && written > 1<<20 {
		free = s.look()
	}
	switch {
	case w.Deletes, !s.refuses.Load(), w.Reserved && free >= s.hardFloor():
		return nil
	}
	return s.full(free)
}

func (s *space) full(free int64) error {
	return kv.ErrFull.With(fmt.Errorf("the disk of %s has %d bytes free, and writes need %d", s.dir, free, s.floor()))
}

// checkOpen returns a FullError if there is not the room to open the store, having released the reserve if it takes
// that.
func (s *space) checkOpen() error {
	needed, err := s.openNeeds()
	if err != nil || s.total == 0 {
		return err
	}
	free := s.look()
	if free < needed && s.release() {
		free = s.look()
	}
	if free < needed {
		return &FullError{Dir: s.dir, Free: free, Needed: needed}
	}
	return nil
}

// openNeeds is how much opening the store may write: tables of what is in logs, and a new manifest.
func (s *space) openNeeds() (int64, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return 0, err
	}
	needed := int64(openBytes)
	for _, name := range names {
		if !strings.HasSuffix(name, logSuffix) && !strings.HasPrefix(name, manifestPrefix) {
			continue
		}
		n, err := fileBytes(s.fs, s.fs.PathJoin(s.dir, name))
		if err != nil {
			return 0, err
		}
		needed += n + n/8
	}
	return needed, nil
}

func fileBytes(fsys vfs.FS, path string) (int64, error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// release deletes the reserve file. It reports whether there was one.
func (s *space) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserve == 0 {
		return false
	}
	if err := s.fs.Remove(s.reservePath()); err != nil {
		s.log.Warn("the reserve file can't be released", "file", s.reservePath(), "error", err.Error())
		return false
	}
	s.log.Warn("disk full: the reserve file is released", "dir", s.dir, "bytes", s.reserve)
	s.reserve = 0
	return true
}

// replenish makes the reserve file if there is none and the disk has room for it.
func (s *space) replenish(free int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.reserveBytes()
	if s.reserve > 0 || n == 0 || free < s.floor()+s.floor()/4+n || s.closed {
		return
	}
	if err := reserveFile(s.fs, s.reservePath(), n); err != nil {
		s.log.Debug("no reserve file can be made", "file", s.reservePath(), "error", err.Error())
		_ = s.fs.Remove(s.reservePath()) // a part of one, which is of no use
		return
	}
	s.reserve = n
}

// reserveFile makes a file that takes up n bytes of the disk.
func reserveFile(fsys vfs.FS, path string, n int64) error {
	f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if err := allocate(f, n); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeZeros makes a file of n bytes where the system has no call for that.
func writeZeros(f vfs.File, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for left := n; left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return nil
}

// watch looks at the disk until close.
func (s *space) watch() {
	if s.total == 0 {
		return
	}
	s.watchers.Go(func() {
		ticker := time.NewTicker(spaceInterval)
		defer ticker.Stop()
		for {
			free := s.look()
			s.replenish(free)
			if free < s.hardFloor() {
				s.release()
			}
			select {
			case <-ticker.C:
			case <-s.closing:
				return
			}
		}
	})
}

// interrupt ends all waiting for room.
func (s *space) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
}

// close ends watch.
func (s *space) close() {
	s.interrupt()
	s.watchers.Wait()
}

// try does an operation that takes room, which f may have done a part of when it is called again. On a full disk it
// releases the reserve; then it waits for room, if it is to, or returns a FullError.
func (s *space) try(f func() error) error {
	err := f()
	if err == nil || !isFull(err) {
		return err
	}
	for isFull(err) && s.release() {
		err = f()
	}
	if !isFull(err) {
		return err
	}
	if !s.wait {
		return s.fullError()
	}
	return s.tryUntil(f)
}

func (s *space) fullError() error {
	return &FullError{Dir: s.dir, Free: s.freeKnown(), Needed: s.floor()}
}

// freeKnown is look for an error: 0 if it is not known.
func (s *space) freeKnown() int64 {
	if free := s.look(); free != math.MaxInt64 {
		return free
	}
	return 0
}

// tryUntil does an operation again and again until there is room, or the store is closed.
func (s *space) tryUntil(f func() error) error {
	s.waits.Add(1)
	defer s.waits.Add(-1)
	s.sayWaiting()
	for {
		if err := s.sleep(spaceInterval); err != nil {
			return err
		}
		err := f()
		if !isFull(err) {
			if err == nil {
				s.log.Info("the disk has room again", "dir", s.dir, "free", s.freeKnown())
			}
			return err
		}
	}
}

func (s *space) sayWaiting() {
	s.log.Error("disk full: waiting for room", "dir", s.dir, "free", s.freeKnown(), "needed", s.floor())
}

// sleep blocks for d, or returns a FullError when the store is closed.
func (s *space) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.closing:
		return s.fullError()
	}
}

// tableFailed blocks for longer every time, as Pebble tries again at once.
func (s *space) tableFailed() {
	s.mu.Lock()
	s.lastTable = min(max(2*s.lastTable, tablePauseMin), tablePauseMax)
	pause := s.lastTable
	s.mu.Unlock()
	_ = s.sleep(pause) // the end of the store ends the pause
}

// stuck reports whether no write ends unless there is room.
func (s *space) stuck() bool { return s.starved.Load() && s.stalled.Load() }

func (s *space) tableWritten() {
	s.starved.Store(false)
	s.mu.Lock()
	s.lastTable = 0
	s.mu.Unlock()
}

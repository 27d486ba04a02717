// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"errors"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// versions are the states of the store that can be read: the last one, and those superseded
// not longer ago than the window.
type versions struct {
	window time.Duration

	mu     sync.Mutex
	states []*state // in order of version; never empty while open
	closed error
}

// state is the store as of a version.
type state struct {
	version kv.Version
	snap    Snapshot
	// superseded is when the next version came.
	superseded time.Duration
	readers    int
	dropped    bool // to be closed by the last reader
}

// last returns the newest version.
func (v *versions) last() (kv.Version, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed != nil {
		return 0, v.closed
	}
	return v.states[len(v.states)-1].version, nil
}

// floor returns the oldest version that can be read.
func (v *versions) floor() kv.Version {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed != nil {
		return 0
	}
	return v.states[0].version
}

// publish makes a new state the last, and drops those that have left the window.
func (v *versions) publish(version kv.Version, snap Snapshot, now time.Duration) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.states); n > 0 {
		v.states[n-1].superseded = now
	}
	v.states = append(v.states, &state{version: version, snap: snap})
	old := 0
	for old < len(v.states)-1 && now-v.states[old].superseded > v.window {
		old++
	}
	return v.drop(old)
}

// drop forgets the n oldest states. v.mu is held.
func (v *versions) drop(n int) error {
	var errs []error
	for _, s := range v.states[:n] {
		s.dropped = true
		if s.readers == 0 {
			errs = append(errs, s.snap.Close())
		}
	}
	clear(v.states[:n])
	v.states = v.states[n:]
	return errors.Join(errs...)
}

// read calls f with the state as of a version. It fails with kv.ErrTooOld, kv.ErrFutureVersion or
// kv.ErrUnavailable, or as f.
func (v *versions) read(version kv.Version, now time.Duration, f func(Snapshot) error) error {
	s, err := v.acquire(version, now)
	if err != nil {
		return err
	}
	return errors.Join(f(s.snap), v.release(s))
}

func (v *versions) acquire(version kv.Version, now time.Duration) (*state, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed != nil {
		return nil, v.closed
	}
	if version > v.states[len(v.states)-1].version {
		return nil, kv.ErrFutureVersion
	}
	for i := len(v.states) - 1; i >= 0; i-- {
		s := v.states[i]
		if s.version > version {
			continue
		}
		if i < len(v.states)-1 && now-s.superseded > v.window {
			break
		}
		s.readers++
		return s, nil
	}
	return nil, kv.ErrTooOld
}

func (v *versions) release(s *state) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.readers--
	if s.dropped && s.readers == 0 {
		return s.snap.Close()
	}
	return nil
}

// close refuses everything from now on with err.
func (v *versions) close(err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = err
	return v.drop(len(v.states))
}

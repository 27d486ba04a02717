// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"errors"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// countedSnapshot tells how many are open.
type countedSnapshot struct {
	Snapshot
	open *int
}

func (s countedSnapshot) Close() error {
	*s.open--
	return s.Snapshot.Close()
}

func TestVersions(t *testing.T) {
	const window = 64 * time.Millisecond
	const step = window / stepsPerWindow
	open := 0
	snap := func() Snapshot {
		open++
		return countedSnapshot{NewMemory().Snapshot(), &open}
	}
	check := func(vs *versions, v kv.Version, now time.Duration, want error) {
		t.Helper()
		if err := vs.check(v, now); !errors.Is(err, want) && (err != nil || want != nil) {
			t.Errorf("version %d at %v: %v, want %v", v, now, err, want)
		}
	}
	closeAll := func(unused []Snapshot, _ kv.Version) {
		for _, s := range unused {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}

	vs := newVersions(window, 100, 0, snap())
	check(vs, 99, 0, kv.ErrTooOld)
	check(vs, 100, 0, nil)
	check(vs, 101, 0, kv.ErrFutureVersion)
	// A version is handed out for a step, then comes the next; during a commit there is no next one.
	if v := vs.handOut(step-1, false); v != 100 {
		t.Errorf("handed out %d", v)
	}
	if v := vs.handOut(step, true); v != 100 {
		t.Errorf("handed out %d during a commit", v)
	}
	if v := vs.handOut(3*step, false); v != 101 {
		t.Errorf("handed out %d", v)
	}
	check(vs, 100, 2*step+window, nil)
	check(vs, 100, 2*step+window+1, kv.ErrTooOld)
	check(vs, 101, 4*step+window, nil)
	check(vs, 101, 4*step+window+1, kv.ErrTooOld)

	vs.commit(200, 5*step, snap())
	held, err := vs.hold(150, 5*step) // the state that 101 is of, too
	if err != nil {
		t.Fatal(err)
	}
	closeAll(vs.expire(window + 5*step))
	if in, ok := vs.expiry(5*step + window); len(vs.list) != 1 || ok || in != 0 || open != 2 {
		t.Errorf("%d versions kept, expiry in %v %t, %d snapshots open", len(vs.list), in, ok, open)
	}
	check(vs, 150, 5*step, kv.ErrTooOld)
	if unused := held.letGo(); unused == nil || unused.Close() != nil || open != 1 {
		t.Errorf("%d snapshots open after the last reader", open)
	}
	// The newest is kept, however old.
	closeAll(vs.expire(time.Hour))
	check(vs, 200, time.Hour, kv.ErrTooOld)
	if v := vs.handOut(time.Hour, false); v != 201 {
		t.Errorf("handed out %d", v)
	}
	check(vs, 201, time.Hour, nil)
	check(vs, 200, time.Hour, kv.ErrTooOld)
}

// TestVersionsLimit shows that a store without commits never hands out a version of its next life.
func TestVersionsLimit(t *testing.T) {
	vs := newVersions(64*time.Millisecond, 1, 0, NewMemory().Snapshot())
	vs.limit = 4
	for i := range 10 {
		now := time.Duration(1+i) * time.Second
		v := vs.handOut(now, false)
		if v != kv.Version(min(2+i, 3)) {
			t.Errorf("handed out %d", v)
		}
		if err := vs.check(v, now); err != nil {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

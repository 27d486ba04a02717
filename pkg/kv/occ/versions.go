// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"sort"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// versions are the versions at which the store can be read: the newest and those of the last
// window. It is guarded by the store's lock.
//
// A version lives for the window after it was last handed out as a read version. A store
// without commits hands out a new version, of the same state, with every step of time, so that
// a transaction's age shows in its read version even there.
type versions struct {
	window time.Duration
	// step is for how long the newest version is handed out.
	step time.Duration
	list []version // in order, never empty
	// limit is what versions without a commit may not reach: from there on
	// begin those of the store when it is opened again.
	limit kv.Version
}

// version is a version and the state of the store then.
type version struct {
	at    kv.Version
	since time.Duration // when it became the newest
	state *state
}

// state is a snapshot, shared by versions and readers.
type state struct {
	snap    Snapshot
	holders int
}

// stepsPerWindow says how much longer than the window a version may live, at most.
const stepsPerWindow = 64

func newVersions(window time.Duration, first kv.Version, now time.Duration, snap Snapshot) *versions {
	vs := &versions{window: window, step: window / stepsPerWindow}
	vs.commit(first, now, snap)
	return vs
}

func (vs *versions) newest() *version { return &vs.list[len(vs.list)-1] }

// commit makes the state that has become durable with v the newest.
func (vs *versions) commit(v kv.Version, now time.Duration, snap Snapshot) {
	vs.list = append(vs.list, version{at: v, since: now, state: &state{snap: snap, holders: 1}})
	vs.limit = v + recoveryJump
}

// handOut returns the newest version, which lives for the window from now on. If
// no commit is under way, that may be a new one.
func (vs *versions) handOut(now time.Duration, committing bool) kv.Version {
	newest := vs.newest()
	switch {
	case now-newest.since < vs.step:
	case committing || newest.at+1 >= vs.limit:
		newest.since = now
	default:
		newest.state.holders++
		vs.list = append(vs.list, version{at: newest.at + 1, since: now, state: newest.state})
	}
	return vs.newest().at
}

// alive returns the index of the first version that has not left the window.
func (vs *versions) alive(now time.Duration) int {
	return sort.Search(len(vs.list), func(i int) bool { return now-vs.list[i].since <= vs.window+vs.step })
}

// check returns nil if v can be read and committed at, or ErrTooOld or ErrFutureVersion.
func (vs *versions) check(v kv.Version, now time.Duration) error {
	if v > vs.newest().at {
		return kv.ErrFutureVersion
	}
	if i := vs.alive(now); i == len(vs.list) || v < vs.list[i].at {
		return kv.ErrTooOld
	}
	return nil
}

// hold returns the state at v, which must be given up by letGo.
func (vs *versions) hold(v kv.Version, now time.Duration) (*state, error) {
	if err := vs.check(v, now); err != nil {
		return nil, err
	}
	after := sort.Search(len(vs.list), func(i int) bool { return vs.list[i].at > v })
	s := vs.list[after-1].state
	s.holders++
	return s, nil
}

// letGo gives up one hold, and returns the snapshot if it must be closed now, else nil.
func (s *state) letGo() Snapshot {
	s.holders--
	if s.holders > 0 {
		return nil
	}
	return s.snap
}

// expire drops the versions that have left the window, but for the newest, and returns the
// snapshots that must be closed now, and the oldest version kept.
func (vs *versions) expire(now time.Duration) (unused []Snapshot, floor kv.Version) {
	unused = vs.drop(min(vs.alive(now), len(vs.list)-1))
	return unused, vs.list[0].at
}

// drop drops the n oldest versions.
func (vs *versions) drop(n int) (unused []Snapshot) {
	for _, v := range vs.list[:n] {
		if snap := v.state.letGo(); snap != nil {
			unused = append(unused, snap)
		}
	}
	vs.list = dropFront(vs.list, n)
	return unused
}

// expiry returns in how long the oldest version leaves the window, or false if
// it is the only one.
func (vs *versions) expiry(now time.Duration) (time.Duration, bool) {
	if len(vs.list) == 1 {
		return 0, false
	}
	return max(0, vs.list[0].since+vs.window+vs.step-now), true
}

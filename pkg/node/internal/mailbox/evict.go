// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// A node at its capacity makes room for an actor by deactivating the one that was not called for the longest. The
// calls of the newcomer wait in its slot meanwhile; those that come for the victim keep it where it is, and the next
// is tried.

// uses is the slots of a dispatcher in the order of their last calls.
type uses struct {
	oldest, newest *Slot
}

// add puts a slot at the end.
func (u *uses) add(s *Slot) {
	s.older = u.newest
	if u.newest != nil {
		u.newest.newer = s
	} else {
		u.oldest = s
	}
	u.newest = s
}

// remove takes a slot out.
func (u *uses) remove(s *Slot) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		u.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		u.newest = s.older
	}
	s.older, s.newer = nil, nil
}

// Surplus returns the idle slot that was used the longest ago, taken for release, if activations take too many bytes,
// else nil. Its bytes count no more.
func (d *Dispatcher) Surplus() *Slot {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	if d.Excess() == 0 {
		return nil
	}
	s := d.victim()
	if s != nil {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		d.weigh(s, 0)
	}
	return s
}

// victim returns the idle slot that was used the longest ago, taken for release, nil if all are busy. d.mu is held.
func (d *Dispatcher) victim() *Slot {
	for s := d.order.oldest; s != nil; s = s.newer {
		if s.ClaimForRelease() {
			return s
		}
	}
	return nil
}

// wait makes a new slot wait for the room of a victim, if there is one. d.mu is held.
func (d *Dispatcher) wait(s, victim *Slot) {
	if victim == nil {
		return
	}
	s.waits, s.running, victim.heir = true, true, s
	d.waiting++
}

// inherit gives the room of a slot that has gone to the one that waits for it. d.mu is held.
func (d *Dispatcher) inherit(from *Slot) {
	if s := from.heir; s != nil {
		s.waits, from.heir = false, nil
		d.waiting--
	}
}

// Evicted says how the release of a slot's victim has ended: whether the slot has room now, or else the next victim, or
// nil if nobody is left. Without either the slot is gone, and its calls are for the caller.
func (d *Dispatcher) Evicted(s, victim *Slot) (room bool, next *Slot, calls []*call.Call) {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	if !s.waits {
		return true, nil, nil
	}
	victim.heir = nil
	if next = d.victim(); next != nil {
		next.heir = s
		return false, next, nil
	}
	d.waiting--
	delete(d.Slots, s.Actor)
	d.order.remove(s)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	calls = s.pending
	d.pending.Add(-int64(len(calls)))
	s.waits, s.running, s.gone, s.pending = false, false, true, nil
	return false, nil, calls
}

// UnusedSince returns the slots whose last call came before a time, the oldest first.
func (d *Dispatcher) UnusedSince(before time.Duration) []*Slot {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	var out []*Slot
	for s := d.order.oldest; s != nil; s = s.newer {
		s.Mu.Lock()
		used := s.used
		s.Mu.Unlock()
		if used >= before {
			break
		}
		out = append(out, s)
	}
	return out
}

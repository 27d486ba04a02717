// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// A node at its capacity makes room for an actor by deactivating the one that was not called for the longest. The
// calls of the newcomer wait in its mailbox meanwhile; those that come for the victim keep it where it is, and the next
// is tried.

// lru is the mailboxes of a table in the order of their last calls.
type lru struct {
	oldest, newest *Mailbox
}

// add puts a mailbox at the end.
func (u *lru) add(s *Mailbox) {
	s.older = u.newest
	if u.newest != nil {
		u.newest.newer = s
	} else {
		u.oldest = s
	}
	u.newest = s
}

// remove takes a mailbox out.
func (u *lru) remove(s *Mailbox) {
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

// Surplus returns the idle mailbox that was used the longest ago, taken for release, if activations take too many
// bytes, else nil. Its bytes count no more.
func (d *Table) Surplus() *Mailbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Excess() == 0 {
		return nil
	}
	s := d.victim()
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		d.weigh(s, 0)
	}
	return s
}

// victim returns the idle mailbox that was used the longest ago, taken for release, nil if all are busy. d.mu is held.
func (d *Table) victim() *Mailbox {
	for s := d.order.oldest; s != nil; s = s.newer {
		if s.ClaimForRelease() {
			return s
		}
	}
	return nil
}

// wait makes a new mailbox wait for the room of a victim, if there is one. d.mu is held.
func (d *Table) wait(s, victim *Mailbox) {
	if victim == nil {
		return
	}
	s.waits, s.running = true, true
	d.successors[victim] = s
}

// inherit gives the room of a mailbox that has gone to the one that waits for it. d.mu is held.
func (d *Table) inherit(from *Mailbox) {
	if s := d.successors[from]; s != nil {
		s.waits = false
		delete(d.successors, from)
	}
}

// Evicted says how the release of a mailbox's victim has ended: whether the mailbox has room now, or else the next
// victim, or nil if nobody is left. Without either the mailbox is gone, and its calls are for the caller.
func (d *Table) Evicted(s, victim *Mailbox) (room bool, next *Mailbox, calls []*call.Call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !s.waits {
		return true, nil, nil
	}
	delete(d.successors, victim)
	if next = d.victim(); next != nil {
		d.successors[next] = s
		return false, next, nil
	}
	delete(d.boxes, s.Actor)
	d.order.remove(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	calls = s.pending
	d.pending.Add(-int64(len(calls)))
	s.waits, s.running, s.gone, s.pending = false, false, true, nil
	return false, nil, calls
}

// UnusedSince returns the mailboxes whose last call came before a time, the oldest first.
func (d *Table) UnusedSince(before time.Duration) []*Mailbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*Mailbox
	for s := d.order.oldest; s != nil; s = s.newer {
		s.mu.Lock()
		used := s.used
		s.mu.Unlock()
		if used >= before {
			break
		}
		out = append(out, s)
	}
	return out
}

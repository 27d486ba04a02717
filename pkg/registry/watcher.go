// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"time"
)

// Watcher decides, from the beats that a member reads, which of the nodes it watches have fallen
// silent. It holds values only: the caller brings the times, all of one monotonic clock.
//
// A node is silent when its beat has not changed for the lease's time and over as many committed
// beats of the watcher as fit in it. So a stalled store, a jump of versions, or a pause of the watcher never
// makes a node look dead: who could not beat itself proves nothing about others.
type Watcher struct {
	leaseTTL    time.Duration
	beatsPerTTL int
	seen        map[string]sighting
}

type sighting struct {
	beat      Beat
	changedAt time.Duration
	changed   bool // since the watch began
	ownBeats  int  // committed since changedAt
}

// NewWatcher returns a watcher that has seen nothing.
func NewWatcher(m Meta) *Watcher {
	return &Watcher{
		leaseTTL:    m.LeaseTTL,
		beatsPerTTL: int(m.LeaseTTL / m.Heartbeat),
		seen:        make(map[string]sighting),
	}
}

// Observe takes in a node's beat, read by a heartbeat of the watcher that was committed, and reports whether
// the node is now silent. began is when that heartbeat began.
func (w *Watcher) Observe(node string, b Beat, began time.Duration) (silent bool) {
	s, known := w.seen[node]
	if !known || s.beat.Incarnation != b.Incarnation || s.beat.Seq != b.Seq {
		w.seen[node] = sighting{beat: b, changedAt: began, changed: known}
		return false
	}
	s.ownBeats++
	w.seen[node] = s
	return s.ownBeats >= w.beatsPerTTL && began-s.changedAt >= w.leaseTTL
}

// Forget drops what was seen of the nodes for which keep is false.
func (w *Watcher) Forget(keep func(node string) bool) {
	for node := range w.seen { //kelpie:unordered each entry is decided by itself
		if !keep(node) {
			delete(w.seen, node)
		}
	}
}

// Lives reports whether the beat of a node was seen to change, the last time after a time and no longer ago than so
// long. now and after are on the watcher's monotonic clock.
func (w *Watcher) Lives(node string, after, now, lately time.Duration) bool {
	s, ok := w.seen[node]
	return ok && s.changed && s.changedAt > after && now-s.changedAt <= lately
}

// Age returns how long the beat of a node has not changed, and false if the watcher does not watch it.
func (w *Watcher) Age(node string, now time.Duration) (time.Duration, bool) {
	s, ok := w.seen[node]
	return now - s.changedAt, ok
}

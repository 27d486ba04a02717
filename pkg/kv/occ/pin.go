// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// pinsMax is the maximum number of pinned versions.
const pinsMax = 16

var errTooManyPins = errors.New("too many versions are pinned: wait until a backup has ended")

var _ kv.Pinner = (*Store)(nil)

// pin is a version that is kept beyond the window.
type pin struct {
	state *state
	timer env.Timer
}

// Pin implements kv.Pinner.
func (s *Store) Pin(ctx context.Context, v kv.Version) (kv.Version, error) {
	if v == 0 {
		var err error
		if v, err = s.ReadVersion(ctx, kv.PriorityDefault); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return 0, s.stopped
	}
	p := s.pins[v]
	if p == nil {
		if len(s.pins) >= pinsMax {
			return 0, kv.ErrUnavailable.With(errTooManyPins)
		}
		held, err := s.versions.hold(v, s.env.Monotonic())
		if err != nil {
			return 0, err
		}
		if s.pins == nil {
			s.pins = make(map[kv.Version]*pin)
		}
		p = &pin{state: held}
		s.pins[v] = p
	} else {
		p.timer.Stop()
	}
	var timer env.Timer
	timer = s.env.AfterFunc(kv.PinTime, func() { s.unpin(v, func(p *pin) bool { return p.timer == timer }) })
	p.timer = timer
	return v, nil
}

// Unpin implements kv.Pinner.
func (s *Store) Unpin(_ context.Context, v kv.Version) error {
	s.unpin(v, func(p *pin) bool { p.timer.Stop(); return true })
	return nil
}

// unpin gives a version up if it is pinned and the pin is the one that is meant.
func (s *Store) unpin(v kv.Version, meant func(*pin) bool) {
	s.mu.Lock()
	p := s.pins[v]
	var unused Snapshot
	if p != nil && meant(p) {
		delete(s.pins, v)
		unused = p.state.letGo()
	}
	s.mu.Unlock()
	if unused != nil {
		s.closeSnapshots([]Snapshot{unused})
	}
}

// unpinAll gives up all that is pinned, and returns the snapshots that must be closed. s.mu is held.
func (s *Store) unpinAll() (unused []Snapshot) {
	for _, p := range s.pins { //kelpie:unordered each by itself
		p.timer.Stop()
		if snap := p.state.letGo(); snap != nil {
			unused = append(unused, snap)
		}
	}
	s.pins = nil
	return unused
}

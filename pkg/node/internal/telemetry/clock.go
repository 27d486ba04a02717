// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// clockStepMin is by how much the wall clock must go another way than the monotonic one, between two heartbeats, for
// that to be told: a clock that is kept in time goes by some milliseconds.
const clockStepMin = 500 * time.Millisecond

// ClockOffset is that of the wall clock to the monotonic one.
func ClockOffset(e env.Env) time.Duration { return time.Duration(e.Now().UnixNano()) - e.Monotonic() }

// ClockIsBehind reports whether the wall clock was set back behind what it said when the node started: by such a clock
// everything is further off than it is.
func (s *Scope) ClockIsBehind() bool { return ClockOffset(s.Env) < s.ClockAtStart-clockStepMin }

// Stepped watches the wall clock for steps. Nothing that keeps actors safe depends on it; alarms and times shown to
// people do.
type ClockSteps struct {
	known  bool
	offset time.Duration // of the wall clock to the monotonic one
}

// By returns by how much the clock was stepped since the last call, 0 if it was not. It is for one task.
func (s *ClockSteps) By(wall time.Time, monotonic time.Duration) time.Duration {
	offset := time.Duration(wall.UnixNano()) - monotonic
	by := offset - s.offset
	known := s.known
	s.offset, s.known = offset, true
	if !known || by.Abs() < clockStepMin {
		return 0
	}
	return by
}

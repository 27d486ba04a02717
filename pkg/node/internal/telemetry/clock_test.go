// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"
	"time"
)

func TestAStepOfTheClockIsSeen(t *testing.T) {
	var s ClockSteps
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []struct{ wall, monotonic, want time.Duration }{
		// kept in time
		{0, 0, 0}, {time.Second, time.Second, 0}, {2*time.Second + 50*time.Millisecond, 2 * time.Second, 0},
		{8 * time.Second, 3 * time.Second, 4950 * time.Millisecond}, {9 * time.Second, 4 * time.Second, 0},
		{5 * time.Second, 5 * time.Second, -5 * time.Second},
		{time.Hour, time.Hour, 0}, // a long pause of the process is none
	} {
		if got := s.By(start.Add(c.wall), c.monotonic); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

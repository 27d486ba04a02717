// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"
	"time"
)

// TestWhenCallsAreDue shows that calls of an open loop are due at even intervals, without an error that adds up.
func TestWhenCallsAreDue(t *testing.T) {
	for _, c := range []struct {
		rate, n int64
		want    time.Duration
	}{
		{1, 0, 0}, {1, 3600, time.Hour}, {3, 1, time.Second / 3}, {3, 3_000_000, 1_000_000 * time.Second},
		{1_000_000, 86_400_000_000, 24 * time.Hour}, {7, 8, time.Second + time.Second/7},
	} {
		s := schedule{rate: c.rate}
		if got := s.at(c.n); got != c.want {
			t.Errorf("call %d at %d/s is due after %v, want %v", c.n, c.rate, got, c.want)
		}
	}
}

// TestUnsent shows how many calls are said to have been due and not begun.
func TestUnsent(t *testing.T) {
	for _, c := range []struct {
		rate, calls, taken int64
		by                 time.Duration
		want               int64
	}{
		{rate: 0, taken: 3, by: time.Second, want: 0},
		{rate: 10, taken: 10, by: time.Second, want: 0},
		{rate: 10, taken: 0, by: time.Second, want: 10},
		{rate: 10, taken: 0, by: 0, want: 0},
		{rate: 10, taken: 0, by: 1, want: 1},
		{rate: 10, taken: 4, by: 1050 * time.Millisecond, want: 7},
		{rate: 10, calls: 5, taken: 4, by: time.Hour, want: 1},
		{rate: 3, taken: 9, by: 3 * time.Second, want: 0},
	} {
		s := schedule{rate: c.rate, calls: c.calls}
		s.taken.Store(c.taken)
		if got := s.unsent(c.by); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

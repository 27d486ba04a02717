// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"fmt"
	"time"
)

const (
	// driftMaxPPM bounds drift so that a clock always advances.
	driftMaxPPM = 500_000

	// timerMax is the longest delay of a timer, so that no sum of times overflows.
	timerMax = 50 * 365 * 24 * time.Hour

	million = 1_000_000
)

// clock is that of one machine; it outlives restarts. Its reading is made from
// virtual time by integer arithmetic, in pieces of constant drift.
type clock struct {
	fromVirtual, fromReading time.Duration // where this piece began
	driftPPM                 int64
	wallOffset               time.Duration
}

// reading returns what the clock has counted at a virtual time of this piece. It
// never falls as virtual time grows.
func (c *clock) reading(virtual time.Duration) time.Duration {
	return c.fromReading + c.drifted(virtual-c.fromVirtual)
}

func (c *clock) drifted(d time.Duration) time.Duration {
	ppm := time.Duration(c.driftPPM)
	return d + d/million*ppm + d%million*ppm/million
}

// virtual returns a virtual time, not before now, at which the reading has just
// come to that.
func (c *clock) virtual(reading, now time.Duration) time.Duration {
	want := reading - c.fromReading
	rate := time.Duration(million + c.driftPPM)
	d := want/rate*million + want%rate*million/rate
	for c.drifted(d) < want {
		d++
	}
	return max(c.fromVirtual+d, now)
}

// setDrift begins a new piece at a virtual time.
func (c *clock) setDrift(now time.Duration, ppm int64) {
	if ppm < -driftMaxPPM || ppm > driftMaxPPM {
		panic(fmt.Sprintf("coro: a drift of %d ppm; at most %d", ppm, driftMaxPPM))
	}
	c.fromReading, c.fromVirtual = c.reading(now), now
	c.driftPPM = ppm
}

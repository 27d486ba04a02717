// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// weather is what the network does to what is sent. It implements mem.Conditions.
type weather struct {
	w       *world
	random  *env.Rand
	clogged map[[2]string]time.Duration // until when, by machines
	refused map[string]time.Duration    // until when nobody can connect to a machine
	starved map[string]time.Duration    // until when a machine has no file handles to connect with
}

func newWeather(w *world) *weather {
	return &weather{
		w: w, random: w.draw.source("weather"), clogged: make(map[[2]string]time.Duration),
		refused: make(map[string]time.Duration), starved: make(map[string]time.Duration),
	}
}

var _ mem.Conditions = (*weather)(nil)

// clogFactor is how much longer everything takes on a clogged way.
const clogFactor = 100

// Delay implements mem.Conditions.
func (x *weather) Delay(from, to string) time.Duration {
	return x.delay(x.random, x.w.NetDelay, from, to)
}

// tailFactor is how much longer the few messages take that take long.
const tailFactor = 20

// delay draws how long something takes that typically takes so long.
func (x *weather) delay(r *env.Rand, typical time.Duration, from, to string) time.Duration {
	d := typical/2 + r.Jitter(typical)
	if x.w.calm {
		return d
	}
	if x.w.Tail > 0 && r.IntN(1000) < x.w.Tail {
		d *= tailFactor
	}
	if x.w.now() < x.clogged[pairOf(from, to)] {
		d = clogFactor*d + 10*time.Millisecond
	}
	return d
}

// Frame implements mem.Conditions.
func (x *weather) Frame(from, to string) mem.Fate {
	switch now := x.w.now(); {
	case x.w.calm:
	case now < x.starved[from] || now < x.starved[to]:
		return mem.Break
	case x.w.on("corrupt") && x.random.IntN(5000) < x.w.Rate:
		x.w.counts["corrupt"]++
		return mem.Corrupt
	case x.w.on("loss") && x.random.IntN(5000) < x.w.Rate:
		x.w.counts["loss"]++
		return mem.Break
	}
	return mem.Deliver
}

var (
	errRefused = errors.New("connection refused")
	errHandles = errors.New("too many open files")
)

// Dial implements mem.Conditions.
func (x *weather) Dial(from, to string) error {
	switch now := x.w.now(); {
	case x.w.calm:
	case now < x.refused[to]:
		return errRefused
	case now < x.starved[from] || now < x.starved[to]:
		return errHandles
	}
	return nil
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

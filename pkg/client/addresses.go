// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"slices"
	"time"
)

const (
	// avoidTime is how long an address that has failed is passed over.
	avoidTime = time.Second
	// avoidMax is how long one is that could not be connected to time and again: the time doubles with each failure.
	avoidMax = 30 * time.Second
	// lapsesMax is how many addresses are remembered that have failed. Beyond that all are forgotten.
	lapsesMax = 1000
)

// addresses are those of the nodes that a client was given, which take turns, and what it knows of how these and others
// can be reached. Not safe for concurrent use.
type addresses struct {
	all  []string
	next int
	// lapses are the addresses that have failed, and not worked since.
	lapses map[string]lapse
}

// lapse is the failure of an address.
type lapse struct {
	// until is until when it is passed over, on the monotonic clock, and pause for how long that was.
	until, pause time.Duration
	// unreachable says that it could not be connected to.
	unreachable bool
}

// newAddresses returns the addresses in their order, each once.
func newAddresses(addrs []string) *addresses {
	a := &addresses{lapses: make(map[string]lapse)}
	for _, addr := range addrs {
		if !slices.Contains(a.all, addr) {
			a.all = append(a.all, addr)
		}
	}
	return a
}

// choose returns the next address that has not failed lately, else the one that may be tried first.
func (a *addresses) choose(now time.Duration) string {
	best := a.next
	for i := range a.all {
		at := (a.next + i) % len(a.all)
		if a.left(a.all[at], now) == 0 {
			best = at
			break
		}
		if a.left(a.all[at], now) < a.left(a.all[best], now) {
			best = at
		}
	}
	a.next = (best + 1) % len(a.all)
	return a.all[best]
}

// inTurn returns all addresses, from the one that choose would return on.
func (a *addresses) inTurn(now time.Duration) []string {
	chosen := make([]string, len(a.all))
	for i := range chosen {
		chosen[i] = a.all[(a.next+i)%len(a.all)]
	}
	slices.SortStableFunc(chosen, func(x, y string) int { return cmp.Compare(a.left(x, now), a.left(y, now)) })
	return chosen
}

// left returns how much longer an address is to be passed over.
func (a *addresses) left(addr string, now time.Duration) time.Duration {
	return max(a.lapses[addr].until-now, 0)
}

// unreachable reports whether an address is to be passed over that could not be connected to.
func (a *addresses) unreachable(addr string, now time.Duration) bool {
	return a.lapses[addr].unreachable && a.left(addr, now) > 0
}

// failed makes an address be passed over, for longer each time if it could not be connected to.
func (a *addresses) failed(addr string, now time.Duration, unreachable bool) {
	if len(a.lapses) >= lapsesMax {
		clear(a.lapses)
	}
	pause := avoidTime
	if unreachable {
		pause = min(max(2*a.lapses[addr].pause, avoidTime), avoidMax)
	}
	a.lapses[addr] = lapse{now + pause, pause, unreachable}
}

// worked ends that.
func (a *addresses) worked(addr string) {
	delete(a.lapses, addr)
}

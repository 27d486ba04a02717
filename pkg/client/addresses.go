// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"slices"
	"time"
)

// avoidTime is how long an address that has failed is passed over.
const avoidTime = time.Second

// addresses are those of the nodes that a client was told of. They take turns. Not safe for concurrent use.
type addresses struct {
	all  []address
	next int
}

type address struct {
	addr string
	// avoidUntil is on the monotonic clock.
	avoidUntil time.Duration
}

// newAddresses returns the addresses in their order, each once.
func newAddresses(addrs []string) *addresses {
	a := new(addresses)
	for _, addr := range addrs {
		if a.find(addr) == nil {
			a.all = append(a.all, address{addr: addr})
		}
	}
	return a
}

func (a *addresses) find(addr string) *address {
	i := slices.IndexFunc(a.all, func(known address) bool { return known.addr == addr })
	if i < 0 {
		return nil
	}
	return &a.all[i]
}

// choose returns the next address that has not failed lately, else the one that failed first.
func (a *addresses) choose(now time.Duration) string {
	best := a.next
	for i := range a.all {
		at := (a.next + i) % len(a.all)
		if a.all[at].avoidUntil <= now {
			best = at
			break
		}
		if a.all[at].avoidUntil < a.all[best].avoidUntil {
			best = at
		}
	}
	a.next = (best + 1) % len(a.all)
	return a.all[best].addr
}

// inTurn returns all addresses, from the one that choose would return on.
func (a *addresses) inTurn(now time.Duration) []string {
	chosen := make([]string, len(a.all))
	for i := range chosen {
		chosen[i] = a.all[(a.next+i)%len(a.all)].addr
	}
	slices.SortStableFunc(chosen, func(x, y string) int { return cmp.Compare(a.left(x, now), a.left(y, now)) })
	return chosen
}

// left returns how much longer an address is to be passed over.
func (a *addresses) left(addr string, now time.Duration) time.Duration {
	return max(a.find(addr).avoidUntil-now, 0)
}

// failed makes an address be passed over, if it is one of them.
func (a *addresses) failed(addr string, now time.Duration) {
	if known := a.find(addr); known != nil {
		known.avoidUntil = now + avoidTime
	}
}

// worked ends that.
func (a *addresses) worked(addr string) {
	if known := a.find(addr); known != nil {
		known.avoidUntil = 0
	}
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

const (
	// crashBackoffMin and crashBackoffMax bound how long an actor whose activation has failed is left alone. The time
	// doubles with each failure.
	crashBackoffMin = 100 * time.Millisecond
	crashBackoffMax = 30 * time.Second
	// crashesMax is how many such actors are remembered. Beyond that all are forgotten: each may then fail once more.
	crashesMax = 10_000
)

// crash is an actor whose activations fail.
type crash struct {
	times int
	until time.Duration
	err   error
}

// crashes keep actors whose activation fails, because of their state or their hook, from being activated again and
// again.
type crashes struct {
	mu  sync.Mutex
	all map[api.ActorID]crash
}

// check returns the error of the last activation of an actor that is to be left alone still.
func (c *crashes) check(id api.ActorID, now time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.all[id]
	if !ok || now >= last.until {
		return nil
	}
	return call.WithRetryAfter(last.err, last.until-now)
}

// failed notes that an activation has failed, and returns its error for the callers.
func (c *crashes) failed(id api.ActorID, now time.Duration, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= crashesMax {
		c.all = make(map[api.ActorID]crash)
	}
	last := c.all[id]
	pause := min(crashBackoffMin<<min(last.times, 20), crashBackoffMax)
	c.all[id] = crash{last.times + 1, now + pause, err}
	return call.WithRetryAfter(err, pause)
}

// worked forgets an actor that has been activated.
func (c *crashes) worked(id api.ActorID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, id)
}

// crashed notes that an activation has failed, and tells of it.
func (h *Host) crashed(id api.ActorID, err error) error {
	h.Events.Sum(
		api.Event{Kind: api.EventCrashed, Node: h.NodeID, Actor: id.String(), Cause: call.WireError(err).Message})
	return h.crashes.failed(id, h.Env.Monotonic(), err)
}

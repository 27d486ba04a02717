// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
)

// An operator drops messages that are not delivered yet (R25): their sender commits that, and what is on its way is
// recalled.

// dropPatience is how long a drop waits for the answers to what is on its way.
const dropPatience = 2 * time.Second

// dropping is a drop that waits for answers to what was on its way.
type dropping struct {
	drop   *state.Drop
	out    state.Dropped
	flying int
	timer  env.Timer
}

// forget takes dropped messages out of their lines, and recalls those that are on their way. c.mu is held.
func (c *dispatcher) forget(drop *state.Drop) *dropping {
	p := &dropping{drop: drop}
	gone := make(map[uint64]bool, len(drop.Messages))
	for _, m := range drop.Messages {
		gone[m.Number] = true
		r, l := c.results[m.Number], c.queues[m.Target]
		delete(c.results, m.Number)
		switch {
		case r.Ended && r.Dead == nil:
			p.out.Delivered++
		case l != nil && l.state == queueFlying && l.queue[0].Number == m.Number:
			l.dropping, l.recalled = p, true
			p.flying++
		case l == nil || l.unclear && (l.queue[0].Number == m.Number || m.Number <= l.inherited):
			p.out.Unclear++
		}
	}
	for _, m := range drop.Messages {
		if l := c.queues[m.Target]; l != nil {
			c.cut(l, gone)
		}
	}
	if p.flying > 0 {
		p.timer = c.outboxes.Env.AfterFunc(dropPatience, func() { c.waited(p) })
	}
	return p
}

// cut takes messages out of a line. What is behind the first of them goes on. c.mu is held.
func (c *dispatcher) cut(l *targetQueue, gone map[uint64]bool) {
	left := slices.DeleteFunc(slices.Clone(l.queue), func(m *state.Message) bool { return gone[m.Number] })
	if !gone[l.queue[0].Number] {
		l.queue = left
		return
	}
	// The rest makes a new line, whatever the first message was at. If that is on its way, it comes before the next, or
	// the receiver passes over it (R25).
	c.ready = slices.DeleteFunc(c.ready, func(other *targetQueue) bool { return other == l })
	c.late = slices.DeleteFunc(c.late, func(other *targetQueue) bool { return other == l })
	delete(c.queues, l.target)
	if len(left) > 0 {
		c.line(l.target).inherited = l.inherited
	}
	for _, m := range left {
		c.add(m)
	}
}

// waited ends the waiting of a drop for answers.
func (c *dispatcher) waited(p *dropping) {
	c.mu.Lock()
	open := p.flying > 0
	p.out.Unclear += p.flying
	p.flying = 0
	c.mu.Unlock()
	if open {
		p.drop.Done(p.out)
	}
}

// answered takes the answer to a message that was recalled, and reports whether it was the last that a drop waits for.
// doubtful says that a try before may have run. The lock of its dispatcher is held.
func (p *dropping) answered(err error, doubtful bool) (known bool) {
	if p == nil || p.flying == 0 {
		return false
	}
	switch {
	case err == nil:
		p.out.Delivered++
	case !decided(err) && (doubtful || !ineffective(err, doubtful)):
		p.out.Unclear++
	}
	if p.flying--; p.flying == 0 {
		p.timer.Stop()
		return true
	}
	return false
}

// clear takes note of whether a try of the first message of a line may have run. c.mu is held.
func (c *dispatcher) clear(l *targetQueue, err error, doubtful bool) {
	switch {
	case err == nil:
	case decided(err): // so no other try of it has, and nothing behind it was sent
		l.unclear, l.inherited = false, 0
	case !ineffective(err, doubtful):
		l.unclear = true
	}
}

// decided reports whether a try that has failed tells that the receiver is not past the message.
func decided(err error) bool {
	return api.CodeOf(err).Effect() == api.Decided || hasRun(err) || refused(err)
}

// ineffective reports whether a try that has failed had no effect, and won't have one.
func ineffective(err error, doubtful bool) bool {
	return decided(err) || call.NotRun(err) || api.CodeOf(err) == api.CodeCancelled && !doubtful
}

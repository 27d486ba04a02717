// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// flyingMax is how many messages of one actor are on their way at once, each to another one.
	flyingMax = 32
	// settleSoon is how long what has become of messages waits for a commit of the actor to go along with.
	settleSoon = time.Second
	// settleMany is how many of them do not wait.
	settleMany = outboxMax / 4
)

// courier delivers the messages of an actor while it has them in memory: those to one target one after the other, the next when
// the one before is done. What has become of them it keeps for the actor's task, which commits it. Another courier of the same
// actor, on a node that has not noticed its end, does no harm: the receiver runs each message once, and those of one sender in order.
type courier struct {
	node   *Node
	sender api.ActorID

	mu     sync.Mutex
	lines  map[api.ActorID]*line
	ready  []*line // in the order in which they are served
	flying int
	// results have not been committed.
	results map[uint64]result
	// nudge, if not nil, is going to have the results committed, at nudgeAt on the node's monotonic clock.
	nudge   env.Timer
	nudgeAt time.Duration
	closed  bool
}

// line is the messages to one target.
type line struct {
	target api.ActorID
	queue  []*message // the first is on its way, or rests after a failure
	// Of the first: how often it has failed by its own fault, how often by a fault that the receiver can't take note of, and how often in all.
	attempts, hard, tries int
}

// result is what has become of a message.
type result struct {
	number   uint64
	attempts int
	// ended messages leave the outbox; dead is the letter of one that was given up.
	ended bool
	dead  *registry.DeadLetter
}

func newCourier(n *Node, sender api.ActorID) *courier {
	return &courier{node: n, sender: sender, lines: make(map[api.ActorID]*line), results: make(map[uint64]result)}
}

// take returns what has not been committed, in order of number.
func (c *courier) take() []result {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]result, 0, len(c.results))
	for _, r := range c.results { //kelpie:unordered sorted below
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y result) int { return int(x.number) - int(y.number) })
	return out
}

// ended counts the messages that have come to an end.
func (c *courier) ended() (n int) {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.results { //kelpie:unordered it counts
		if r.ended {
			n++
		}
	}
	return n
}

// committed notes that results have been committed, and new messages, which it delivers. What waits behind one that was given up goes on.
func (c *courier) committed(settled []result, sent []*message) {
	if c == nil {
		return
	}
	c.mu.Lock()
	for _, r := range settled {
		if c.results[r.number] == r {
			delete(c.results, r.number)
		}
		if r.dead != nil {
			c.pop(c.lines[r.dead.Target])
		}
	}
	for _, m := range sent {
		c.add(m)
	}
	c.settle(settleSoon)
	c.mu.Unlock()
	c.pump()
}

// settle has the results committed after a while at the latest, if there are any. c.mu is held.
func (c *courier) settle(after time.Duration) {
	at := c.node.env.Monotonic() + after
	if c.nudge != nil && (len(c.results) == 0 || at < c.nudgeAt || c.closed) {
		c.nudge.Stop()
		c.nudge = nil
	}
	if len(c.results) == 0 || c.nudge != nil || c.closed {
		return
	}
	c.nudgeAt = at
	c.nudge = c.node.env.AfterFunc(after, c.nudged)
}

func (c *courier) nudged() {
	c.mu.Lock()
	c.nudge = nil
	closed := c.closed
	c.mu.Unlock()
	if !closed {
		c.node.wake(c.sender, func(bool, error) {}) // the actor's timer comes, if that fails
	}
}

// add puts a message at the end of its line. c.mu is held.
func (c *courier) add(m *message) {
	l := c.lines[m.target]
	if l == nil {
		l = &line{target: m.target}
		c.lines[m.target] = l
	}
	l.queue = append(l.queue, m)
	if len(l.queue) == 1 {
		l.attempts = m.attempts
		c.ready = append(c.ready, l)
	}
}

// pop removes the first of a line, and readies the next. c.mu is held.
func (c *courier) pop(l *line) {
	l.queue = l.queue[1:]
	l.attempts, l.hard, l.tries = 0, 0, 0
	if len(l.queue) == 0 {
		delete(c.lines, l.target)
		return
	}
	l.attempts = l.queue[0].attempts
	c.ready = append(c.ready, l)
}

// pump sends what can be sent. It does not block.
func (c *courier) pump() {
	for {
		c.mu.Lock()
		if c.closed || len(c.ready) == 0 || c.flying >= flyingMax {
			c.mu.Unlock()
			return
		}
		l := c.ready[0]
		c.ready = c.ready[1:]
		c.flying++
		m, lastTry := l.queue[0], l.attempts+1 >= failuresMax
		c.mu.Unlock()
		c.deliver(l, m, lastTry)
	}
}

func (c *courier) deliver(l *line, m *message, lastTry bool) {
	n := c.node
	deadline := n.env.Monotonic() + defaultDeadline
	ctx, cancel := env.WithDeadlineAt(n.env, n.ctx, deadline)
	out := &call{
		actor: m.target, method: m.method, key: m.key(c.sender, n.keeper.version()), sender: c.sender, number: m.number, body: m.body,
		context:  func() context.Context { return ctx },
		deadline: deadline,
		finish: func(_ []byte, _ string, err error) {
			cancel()
			c.answered(l, m, err)
		},
	}
	if lastTry {
		out.flags = api.InvokeLastTry
	}
	n.router.route(out)
}

// answered takes the answer to the first message of a line.
func (c *courier) answered(l *line, m *message, err error) {
	c.mu.Lock()
	c.flying--
	if c.closed {
		c.mu.Unlock()
		return
	}
	soon := settleSoon
	switch {
	case err == nil:
		c.results[m.number] = result{number: m.number, ended: true}
		c.pop(l)
	case c.failed(l, m, err):
		c.results[m.number] = result{number: m.number, ended: true, dead: c.letter(l, m, err, c.node.env.Now().UnixMilli())}
		soon = 0
	default:
		c.node.env.AfterFunc(laterBackoff(l.tries), func() { c.again(l) })
	}
	if len(c.results) >= settleMany {
		soon = 0
	}
	c.settle(soon)
	c.mu.Unlock()
	c.pump()
}

// failed counts a failure, and reports whether it was the last: the receiver has said so, or will never be able to. c.mu is held.
func (c *courier) failed(l *line, m *message, err error) (last bool) {
	l.tries++
	if !counts(err) {
		return false
	}
	l.attempts++
	if api.CodeOf(err) != api.CodeDeadlineExceeded {
		l.hard++
	}
	c.node.log.Warn("a message was not handled", "sender", c.sender.String(), "target", m.target.String(), "method", m.method, "attempts", l.attempts, "error", err)
	if refused(err) || l.hard >= 2*failuresMax {
		return true
	}
	c.results[m.number] = result{number: m.number, attempts: l.attempts}
	return false
}

// refused reports whether the receiver will never run the message any more.
func refused(err error) bool {
	return wireError(err).Detail[api.DetailGivenUp] != ""
}

func (c *courier) letter(l *line, m *message, err error, now int64) *registry.DeadLetter {
	d := &registry.DeadLetter{Target: m.target, Method: m.method, Request: m.body, Attempts: l.attempts, Origin: m.origin, Due: m.since, Died: now}
	explain(d, err)
	return d
}

// again sends the first of a line once more.
func (c *courier) again(l *line) {
	c.mu.Lock()
	c.ready = append(c.ready, l)
	c.mu.Unlock()
	c.pump()
}

// close ends it: the actor is not in memory any more. What is on its way goes on.
func (c *courier) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.settle(0)
}

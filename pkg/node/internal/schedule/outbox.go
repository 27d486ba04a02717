// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// flyingMax is how many messages of one actor are on their way at once, each to another one, not counting those
	// that are not answered within flyingLong: targets that can't be reached are not to hold up the others.
	flyingMax  = 32
	flyingLong = time.Second
	// settleSoon is how long what has become of messages waits for a commit of the actor to go along with.
	settleSoon = time.Second
	// settleMany is how many of them do not wait.
	settleMany = state.OutboxMax / 8
	// sendTimeout is how long a delivery takes at the most. answerMargin is the part of it that is left for the
	// answer when the receiver's handler has to end, and after that to the watch over handlers: the sender knows then
	// whether the message has run.
	sendTimeout = call.DefaultDeadline + call.AnswerMargin
	// pickUpsMax is how often an actor is woken to commit what has become of messages that it sent from an activation
	// that has ended.
	pickUpsMax = 6
)

// Outboxes are those of the node's actors. An outbox dispatcher outlives the activation that it delivers for: what is
// on its way then goes on, and what becomes of it is kept for the next activation here, which the outbox dispatcher
// wakes for that. Otherwise an actor that ends before the first answer comes would begin with the same message for
// ever.
type Outboxes struct {
	telemetry.Scope
	members *membership.Manager
	router  *router.Router
	waker   *Waker

	mu  sync.Mutex
	all map[api.ActorID]*dispatcher
}

// NewOutboxes returns outboxes of no actors.
func NewOutboxes(s telemetry.Scope, k *membership.Manager, w *Waker) *Outboxes {
	return &Outboxes{Scope: s, members: k, router: w.router, waker: w, all: make(map[api.ActorID]*dispatcher)}
}

// Attach has an actor's messages delivered for the activation of a mailbox: what has become of others is forgotten.
// inherited says that other activations have sent them.
func (cs *Outboxes) Attach(s *mailbox.Mailbox, outbox []*state.Message, inherited bool) *dispatcher {
	cs.mu.Lock()
	c := cs.all[s.Actor]
	if c == nil {
		c = &dispatcher{outboxes: cs, sender: s.Actor, queues: make(map[api.ActorID]*targetQueue),
			results: make(map[uint64]state.Delivery)}
		cs.all[s.Actor] = c
	}
	c.own(s) // so that nobody drops it
	cs.mu.Unlock()
	c.attach(outbox, inherited)
	return c
}

// Drop forgets an actor's outbox dispatcher, and what becomes of its messages.
func (cs *Outboxes) Drop(actor api.ActorID) {
	cs.mu.Lock()
	c := cs.all[actor]
	delete(cs.all, actor)
	cs.mu.Unlock()
	if c != nil {
		c.drop()
	}
}

// Detach ends the deliveries for the activation of a mailbox, if they are for that still.
func (cs *Outboxes) Detach(s *mailbox.Mailbox) {
	cs.mu.Lock()
	c := cs.all[s.Actor]
	cs.mu.Unlock()
	if c != nil && c.detach(s) {
		cs.dropSpent(c, false)
	}
}

// dropSpent forgets an outbox dispatcher that is nobody's, if it has nothing to wait for, or is not to wait any longer.
func (cs *Outboxes) dropSpent(c *dispatcher, anyway bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.all[c.sender] == c && c.dropSpent(anyway) {
		delete(cs.all, c.sender)
	}
}

// outbox dispatcher delivers the messages of an actor while it has them in memory: those to one target one after the
// other, the next when the one before is done. What has become of them it keeps for the actor's task, which commits
// it. Another outbox dispatcher of the same actor, on a node that has not noticed its end, does no harm: the receiver
// runs each message once, and those of one sender in order.
type dispatcher struct {
	outboxes *Outboxes
	sender   api.ActorID

	mu     sync.Mutex
	queues map[api.ActorID]*targetQueue
	// ready are to be served, in this order; late after those, as they have failed before.
	ready, late []*targetQueue
	// air are those on their way, in the order in which they left. room, if not nil, looks whether they make room for
	// others.
	air  []*targetQueue
	room env.Timer
	// results have not been committed.
	results map[uint64]state.Delivery
	// flush, if not nil, is going to have the results committed, at flushAt on the node's monotonic clock.
	flush   env.Timer
	flushAt time.Duration
	// owner is the mailbox whose activation it delivers for, nil if that has ended. It then only waits, having woken
	// the actor pickUps times.
	owner   *mailbox.Mailbox
	pickUps int
	dropped bool
}

// targetQueue is the messages to one target.
type targetQueue struct {
	target api.ActorID
	queue  []*state.Message
	state  queueState
	since  time.Duration // of being on its way
	// Of the first: how often it has failed by its own fault, and how often in all.
	attempts, tries int
	// unclear says that a try of the first may have run, or may still run. Other activations may have tried those with
	// numbers up to inherited.
	unclear   bool
	inherited uint64
	// dropping, if not nil, waits for the answer to the first, which is on its way and recalled.
	dropping *dropping
	recalled bool
}

// queueState is how far a line's first message is.
type queueState int

const (
	queueReady   queueState = iota // waits for its turn
	queueFlying                    // is on its way
	queueResting                   // has failed, and waits
	queueDead                      // has been given up: what is behind it waits until that is committed
)

// own notes whose activation it delivers for.
func (c *dispatcher) own(s *mailbox.Mailbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.pickUps = s, 0
}

// attach begins anew with what is in the outbox, except what is on its way already, or is known to have ended.
func (c *dispatcher) attach(outbox []*state.Message, inherited bool) {
	c.mu.Lock()
	inOutbox := make(map[uint64]bool, len(outbox))
	for _, m := range outbox {
		inOutbox[m.Number] = true
	}
	for number := range c.results { //kelpie:unordered each by itself
		if !inOutbox[number] {
			delete(c.results, number)
		}
	}
	c.trim()
	for target, l := range c.queues { //kelpie:unordered each by itself
		if !inOutbox[l.queue[0].Number] { // done by way of another node
			delete(c.queues, target)
		}
	}
	for _, m := range outbox {
		if l := c.queues[m.Target]; l != nil && l.queue[0].Number == m.Number {
			continue
		}
		if r := c.results[m.Number]; !r.Ended || r.Dead != nil {
			if inherited { // they may have tried to deliver it
				c.line(m.Target).inherited = m.Number
			}
			c.add(m)
		}
	}
	c.settle(settleSoon)
	c.mu.Unlock()
	c.pump()
}

// trim forgets what is not on its way. c.mu is held.
func (c *dispatcher) trim() {
	c.ready, c.late = nil, nil
	for target, l := range c.queues { //kelpie:unordered each by itself
		if l.queue = l.queue[:1:1]; l.state != queueFlying {
			delete(c.queues, target)
		}
	}
}

// detach reports whether the deliveries were for the activation of a mailbox, which has ended: nothing more is sent.
func (c *dispatcher) detach(s *mailbox.Mailbox) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != s {
		return false
	}
	c.owner = nil
	c.trim()
	c.settle(settleSoon)
	return true
}

func (c *dispatcher) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = true
	c.settle(0)
}

// dropSpent drops an outbox dispatcher that is nobody's and waits for nothing, or is not to, and reports whether it
// did.
func (c *dispatcher) dropSpent(anyway bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != nil || !anyway && len(c.air)+len(c.results) > 0 {
		return false
	}
	c.dropped = true
	c.settle(0)
	return true
}

// Take returns what has not been committed, in order of number.
func (c *dispatcher) Take() []state.Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]state.Delivery, 0, len(c.results))
	for _, r := range c.results { //kelpie:unordered sorted below
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y state.Delivery) int { return cmp.Compare(x.Number, y.Number) })
	return out
}

// Ended counts the messages that have come to an end.
func (c *dispatcher) Ended() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.results { //kelpie:unordered it counts
		if r.Ended {
			n++
		}
	}
	return n
}

// Committed notes that results have been committed, and new messages, which it delivers. What waits behind one that
// was given up, or is dropped, goes on.
func (c *dispatcher) Committed(settled []state.Delivery, sent []*state.Message, drops []*state.Drop) {
	c.mu.Lock()
	var known []*dropping
	for _, d := range drops {
		if p := c.forget(d); p.flying == 0 {
			known = append(known, p)
		}
	}
	for _, r := range settled {
		if c.results[r.Number] == r {
			delete(c.results, r.Number)
		}
		if r.Dead == nil {
			continue
		}
		if l := c.queues[r.Dead.Target]; l != nil && l.queue[0].Number == r.Number {
			c.pop(l)
		}
	}
	for _, m := range sent {
		c.add(m)
	}
	c.settle(settleSoon)
	c.mu.Unlock()
	for _, p := range known {
		p.drop.Done(p.out)
	}
	c.pump()
}

// settle has the results committed after a while at the latest, if there are any. c.mu is held.
func (c *dispatcher) settle(after time.Duration) {
	at := c.outboxes.Env.Monotonic() + after
	if c.flush != nil && (len(c.results) == 0 || at < c.flushAt || c.dropped) {
		c.flush.Stop()
		c.flush = nil
	}
	if len(c.results) == 0 || c.flush != nil || c.dropped {
		return
	}
	c.flushAt = at
	c.flush = c.outboxes.Env.AfterFunc(after, c.flushed)
}

// flushed wakes the actor. One that has ended is woken here: no other node knows the results.
func (c *dispatcher) flushed() {
	c.mu.Lock()
	c.flush = nil
	dropped, owned := c.dropped, c.owner != nil
	c.mu.Unlock()
	switch {
	case dropped:
	case owned:
		c.outboxes.waker.wake(c.sender, func(bool, error) {}) // the actor's timer comes, if that fails
	default:
		c.outboxes.waker.WakeHere(c.sender, c.woken)
	}
}

// woken takes note of how the waking has ended of an actor whose activation had ended. Results that it does not pick
// up for long are forgotten: its messages are delivered once more then, by whoever has it.
func (c *dispatcher) woken(err error) {
	c.mu.Lock()
	c.pickUps++
	forget := c.owner == nil && (api.CodeOf(err) == api.CodeMoved || c.pickUps > pickUpsMax)
	if !forget && c.owner == nil {
		c.settle(call.LaterBackoff(c.pickUps))
	}
	c.mu.Unlock()
	c.outboxes.dropSpent(c, forget)
}

// add puts a message at the end of its line. c.mu is held.
func (c *dispatcher) add(m *state.Message) {
	l := c.line(m.Target)
	l.queue = append(l.queue, m)
	if len(l.queue) == 1 {
		c.first(l)
	}
}

// line is the line of a target, a new one if it has none. c.mu is held.
func (c *dispatcher) line(target api.ActorID) *targetQueue {
	l := c.queues[target]
	if l == nil {
		l = &targetQueue{target: target}
		c.queues[target] = l
	}
	return l
}

// first readies the first message of a line. c.mu is held.
func (c *dispatcher) first(l *targetQueue) {
	m := l.queue[0]
	r := c.results[m.Number]
	l.state, l.attempts, l.tries = queueReady, max(m.Attempts, r.Attempts), 0
	l.unclear = m.Number <= l.inherited
	if r.Dead != nil {
		l.state = queueDead
		return
	}
	c.ready = append(c.ready, l)
}

// pop removes the first of a line, and readies the next. c.mu is held.
func (c *dispatcher) pop(l *targetQueue) {
	l.queue = l.queue[1:]
	if len(l.queue) == 0 {
		delete(c.queues, l.target)
		return
	}
	c.first(l)
}

// pump sends what can be sent. It does not block.
func (c *dispatcher) pump() {
	for {
		c.mu.Lock()
		l := c.next()
		if l == nil {
			c.mu.Unlock()
			return
		}
		l.state, l.since = queueFlying, c.outboxes.Env.Monotonic()
		c.air = append(c.air, l)
		m, lastTry := l.queue[0], l.attempts+1 >= call.FailuresMax
		c.mu.Unlock()
		c.deliver(l, m, lastTry)
	}
}

// next takes the line that is to be served next, nil if there is none, or no room. c.mu is held.
func (c *dispatcher) next() *targetQueue {
	if c.dropped || c.owner == nil || len(c.ready)+len(c.late) == 0 {
		return nil
	}
	if len(c.air) >= flyingMax {
		now, at := c.outboxes.Env.Monotonic(), c.air[len(c.air)-flyingMax].since+flyingLong
		if now < at {
			if c.room == nil {
				c.room = c.outboxes.Env.AfterFunc(at-now, c.look)
			}
			return nil
		}
	}
	from := &c.ready
	if len(*from) == 0 {
		from = &c.late
	}
	l := (*from)[0]
	*from = (*from)[1:]
	return l
}

func (c *dispatcher) look() {
	c.mu.Lock()
	c.room = nil
	c.mu.Unlock()
	c.pump()
}

func (c *dispatcher) deliver(l *targetQueue, m *state.Message, lastTry bool) {
	n := c.outboxes
	deadline := n.Env.Monotonic() + sendTimeout
	ctx, cancel := env.WithDeadlineAt(n.Env, n.Ctx, deadline)
	var out *call.Call
	out = &call.Call{
		Actor: m.Target, Method: m.Method, Key: m.Key(c.sender, n.members.Version()), Sender: c.sender,
		Number: m.Number, Body: m.Body,
		Flags:    api.InvokePatient,
		Context:  func() context.Context { return ctx },
		Deadline: deadline,
		Gone: func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return l.recalled
		},
		Finish: func(_ []byte, _ string, err error) {
			cancel()
			c.answered(l, m, err, out.Retried())
		},
	}
	if lastTry {
		out.Flags |= api.InvokeLastTry
	}
	n.router.Route(out)
}

// answered takes the answer to the first message of a line. doubtful says that the answer to a try before was lost.
func (c *dispatcher) answered(l *targetQueue, m *state.Message, err error, doubtful bool) {
	c.mu.Lock()
	if i := slices.Index(c.air, l); i >= 0 {
		c.air = slices.Delete(c.air, i, i+1)
	}
	if !c.dropped && c.queues[l.target] == l && l.queue[0].Number == m.Number { // else nobody wants to know any more
		c.clear(l, err, doubtful)
		c.note(l, m, err)
	}
	known := l.dropping.answered(err, doubtful || l.unclear)
	owned := c.owner != nil
	c.mu.Unlock()
	if known {
		l.dropping.drop.Done(l.dropping.out)
	}
	if owned {
		c.pump()
	} else {
		c.outboxes.dropSpent(c, false)
	}
}

// note takes note of what has become of the first message of a line. c.mu is held.
func (c *dispatcher) note(l *targetQueue, m *state.Message, err error) {
	soon := settleSoon
	switch {
	case err == nil:
		c.results[m.Number] = state.Delivery{Number: m.Number, Ended: true}
		c.pop(l)
	case c.failed(l, m, err):
		l.state = queueDead
		c.results[m.Number] = state.Delivery{Number: m.Number, Attempts: l.attempts, Ended: true,
			Dead: c.letter(l, m, err)}
		soon = 0
	default:
		l.state = queueResting
		c.outboxes.Env.AfterFunc(call.LaterBackoff(l.tries), func() { c.again(l) })
	}
	if c.owner == nil {
		c.trim()
	}
	if len(c.results) >= settleMany || c.owner == nil && len(c.air) == 0 {
		soon = 0
	}
	c.settle(soon)
}

// failed counts a failure, and reports whether it was the last: the receiver has said so, or will never be able to.
// c.mu is held.
func (c *dispatcher) failed(l *targetQueue, m *state.Message, err error) (last bool) {
	l.tries++
	text := call.ClipTo(call.WireError(err).Message, call.LastErrorBytesMax)
	result := state.Delivery{Number: m.Number, Attempts: l.attempts, Error: text,
		Retry: c.outboxes.Env.Now().Add(call.LaterBackoff(l.tries)).UnixMilli()}
	if l.tries == 1 && m.Error == "" {
		c.outboxes.Events.SumRarely(api.Event{Kind: api.EventSendFailed, Node: c.outboxes.NodeID,
			Actor: c.sender.String(), Cause: "message to " + m.Target.String() + ": " + text})
	}
	if refused(err) {
		l.attempts = max(l.attempts, call.FailuresMax) // the answer that said so first may have been lost
		return true
	}
	if !call.CountsAsFailure(err) || api.CodeOf(err) == api.CodeDeadlineExceeded && !hasRun(err) {
		if l.tries == 1 && m.Error != text && c.owner != nil { // stored once, and not each time
			c.results[m.Number] = result
		}
		return false
	}
	l.attempts++
	c.outboxes.Log.Warn("a message was not handled", "sender", c.sender.String(), "target", m.Target.String(), "method",
		m.Method, "attempts", l.attempts, "error", err)
	if l.attempts >= 2*call.FailuresMax {
		return true
	}
	result.Attempts = l.attempts
	c.results[m.Number] = result
	return false
}

// refused reports whether the receiver will never run the message any more.
func refused(err error) bool {
	return call.WireError(err).Detail[api.DetailGivenUp] != ""
}

// hasRun reports whether the receiver's handler has run, and not only waited until its time was over.
func hasRun(err error) bool {
	return call.WireError(err).Detail[api.DetailRan] != ""
}

// letter is that of a message that was given up: by its receiver, or because that could not do so.
func (c *dispatcher) letter(l *targetQueue, m *state.Message, err error) *registry.DeadLetter {
	d := &registry.DeadLetter{
		Target: m.Target, Method: m.Method, Request: m.Body, Attempts: l.attempts, Origin: m.Origin,
		Due: m.Since, Died: c.outboxes.Env.Now().UnixMilli(),
	}
	state.Explain(d, err)
	if !refused(err) {
		d.Error = call.ClipTo("its receiver could not confirm that it will not run, so a late try may have: "+d.Error,
			state.DeadErrorBytesMax)
	}
	return d
}

// again sends the first of a line once more that has rested, unless it has been forgotten.
func (c *dispatcher) again(l *targetQueue) {
	c.mu.Lock()
	if c.queues[l.target] == l && l.state == queueResting {
		l.state = queueReady
		c.late = append(c.late, l)
	}
	c.mu.Unlock()
	c.pump()
}

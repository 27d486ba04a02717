// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
)

// Mailbox is the one place of an actor on a node: its mailbox, and its activation while there
// is one. One task at a time runs a mailbox, and only that task touches the activation: it
// claims, runs batches, and releases, so nothing of one actor ever happens twice at once.
type Mailbox struct {
	Actor api.ActorID

	mu      sync.Mutex
	pending []*call.Call
	running bool
	release bool // give the claim up once nothing is pending
	idle    bool // but only because nobody calls: not while there are messages to deliver
	drop    bool // forget the activation before doing anything else
	gone    bool // no longer in the table of mailboxes
	waits   bool // for room; of the table of mailboxes, but a mailbox is smaller with it here
	fails   bool // there is something in the table of what is tried again
	used    time.Duration
	// When what was taken from the mailbox began to run, and how long the last of that took.
	began, lastRun time.Duration

	// Of the table of mailboxes: the neighbours in the order of use.
	older, newer *Mailbox
	bytes        int64 // about what the activation takes

	stats telemetry.CallStats // of the activation's calls
	run   *run                // of the actor's code, nil before the first
	// Resident is what the running task keeps in the mailbox: the actor's activation, nil if there is none.
	Resident any
}

// Control is something to do with an actor between its calls, such as to move it.
type Control struct {
	// Run is called by the task of the actor's mailbox, and reports whether the mailbox has gone with it.
	Run func(s *Mailbox) (gone bool)
	// Abort is called instead of Run, or while Run waits for a handler that hangs. It does not block.
	Abort func(err error)
}

// Table holds the mailboxes of a node.
type Table struct {
	maxPending int
	budget     *call.Budget
	capacity   int
	// MemoryLimit bounds memory, which is about what the activations take, in bytes; 0 is no bound.
	MemoryLimit int64
	memory      atomic.Int64
	failing     failing
	// Start runs a mailbox in a task of its own; StartAfter another one first, to have it released.
	Start      func(*Mailbox)
	StartAfter func(s, victim *Mailbox)

	// pending counts the calls in all mailboxes, taken all that there ever were in them; rate is how many came in a
	// second, lately.
	pending, taken, rate atomic.Int64

	// Of gauge: when it last measured, and how many calls had been taken.
	gaugedAt time.Duration
	gauged   int64

	mu    sync.Mutex
	boxes map[api.ActorID]*Mailbox
	order lru
	// successors are the mailboxes that wait for the room of another one, by that.
	successors map[*Mailbox]*Mailbox
	// stopping tables take only what handlers wait for that run here, closed ones nothing.
	stopping, closed bool
	// retiring mailboxes are released as soon as nothing is pending.
	retiring atomic.Bool
}

// Limits bound what a table takes.
type Limits struct {
	// Pending is how many calls wait in one mailbox.
	Pending int
	// Budget is that of the node's calls: no mailbox takes more than it has room for.
	Budget *call.Budget
	// Capacity is how many activations there are, memory how many bytes they take, about; 0 is no bound.
	Capacity int
	Memory   int64
}

// NewTable returns a table without mailboxes. Its Start and StartAfter must be set before the first call.
func NewTable(l Limits) *Table {
	return &Table{maxPending: l.Pending, budget: l.Budget, capacity: l.Capacity, MemoryLimit: l.Memory,
		boxes: make(map[api.ActorID]*Mailbox), successors: make(map[*Mailbox]*Mailbox)}
}

// Submit puts a call into the mailbox of its actor and reports whether it took charge of it. Without a mailbox it
// makes one if create is true, else it takes no charge. An error says why the call can't be taken. It does not block.
func (d *Table) Submit(c *call.Call, create bool, now time.Duration) (taken bool, err error) {
	d.mu.Lock()
	s := d.boxes[c.Actor]
	if s == nil && !create {
		d.mu.Unlock()
		return false, nil
	}
	victim, err := d.admit(c, s)
	if err != nil {
		d.mu.Unlock()
		return false, err
	}
	if s == nil {
		s = &Mailbox{Actor: c.Actor}
		d.boxes[c.Actor] = s
		d.wait(s, victim)
	} else {
		d.order.remove(s)
	}
	d.order.add(s)
	s.mu.Lock()
	d.mu.Unlock()
	if waiting := len(s.pending); waiting >= d.maxPending || waiting > d.budget.Room() && waiting > 0 {
		s.mu.Unlock()
		// The mailbox is taken whole: there is room when what runs now has run.
		return false, call.ErrOverloaded(s.lastRun, "actor %s: %d calls are waiting already", c.Actor, waiting)
	}
	c.Entered = now
	s.pending = append(s.pending, c)
	d.pending.Add(1)
	d.taken.Add(1)
	s.used = now
	start := !s.running
	s.running = true
	s.mu.Unlock()
	switch {
	case victim != nil:
		d.StartAfter(s, victim)
	case start:
		d.Start(s)
	}
	return true, nil
}

// admit says why a call can't be taken, s being its mailbox or nil. If room must be made for it, that is the
// victim's; the caller has it released. d.mu is held.
func (d *Table) admit(c *call.Call, s *Mailbox) (victim *Mailbox, err error) {
	if d.stopping && (d.closed || !d.awaited(c)) {
		if s == nil { // the node no longer owns the actor, and another one can take it
			return nil, call.RefusedFor(api.RefusedStopping,
				api.Errorf(api.CodeNoCapacity, "actor %s: the node is stopping", c.Actor))
		}
		return nil, call.ErrStopped(c.Actor)
	}
	if s != nil || !d.full() {
		return nil, nil
	}
	if victim = d.victim(); victim == nil {
		return nil, d.ErrNoRoom(c.Actor)
	}
	return victim, nil
}

// awaited reports whether one of the handlers that wait for a call runs here. d.mu is held.
func (d *Table) awaited(c *call.Call) bool {
	return slices.ContainsFunc(c.Chain, func(id api.ActorID) bool { return d.boxes[id] != nil })
}

// full reports whether an activation more needs the room of another. d.mu is held.
func (d *Table) full() bool {
	return d.capacity > 0 && len(d.boxes)-len(d.successors) >= d.capacity || d.Excess() > 0
}

// Excess is how many bytes more the activations take than they should.
func (d *Table) Excess() int64 {
	if d.MemoryLimit == 0 {
		return 0
	}
	return max(d.memory.Load()-d.MemoryLimit, 0)
}

// ErrNoRoom is the error of CodeNoCapacity for an actor that the node has no room for. It says which limit.
func (d *Table) ErrNoRoom(actor api.ActorID) error {
	reason, err := api.RefusedFull, api.Errorf(api.CodeNoCapacity, "actor %s: the node is at its capacity of %d "+
		"activations, all of them busy", actor, d.capacity)
	if d.Excess() > 0 {
		reason, err = api.RefusedMemory, api.Errorf(api.CodeNoCapacity, "actor %s: the activations of the node take "+
			"more than %d bytes, and all of them are busy", actor, d.MemoryLimit)
	}
	err.Detail = map[string]string{api.DetailRefused: reason}
	return err
}

// weigh notes what the activation of a mailbox takes now. s.mu is held.
func (d *Table) weigh(s *Mailbox, bytes int64) {
	d.memory.Add(bytes - s.bytes)
	s.bytes = bytes
}

// Control has the task of an actor's mailbox run c between its calls. An error of CodeMoved says that the actor has no
// mailbox here; c is then neither run nor aborted.
func (d *Table) Control(id api.ActorID, c *Control) error {
	d.mu.Lock()
	s := d.boxes[id]
	if s == nil || s.waits {
		d.mu.Unlock()
		return call.ErrMoved(id)
	}
	s.mu.Lock()
	d.mu.Unlock()
	if s.run == nil {
		s.run = new(run)
	}
	s.run.controls = append(s.run.controls, c)
	start := !s.running
	s.running = true
	s.mu.Unlock()
	if start {
		d.Start(s)
	}
	return nil
}

// TakeControls takes the controls that wait in a mailbox which is about to go.
func (d *Table) TakeControls(s *Mailbox) []*Control {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	out := s.run.controls
	s.run.controls = nil
	return out
}

// Controlled takes note that the mailbox's control has run.
func (s *Mailbox) Controlled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil && !s.run.abandoned {
		s.run.control = nil
	}
}

// Take takes what is pending.
func (d *Table) Take(s *Mailbox) []*call.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.pending
	s.pending = nil
	d.pending.Add(-int64(len(calls)))
	return calls
}

// work is what the task of a mailbox is to do next.
type work struct {
	Calls   []*call.Call
	Control *Control // before the calls
	Drop    bool
	release bool
	Idle    bool
	Done    bool // nothing: the task ends
}

// Next takes what is pending. With nothing to do the mailbox is no longer running. bytes is what its activation
// takes, failing what it tries again.
func (d *Table) Next(s *Mailbox, now time.Duration, bytes int64, failing call.Failing) work {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.weigh(s, bytes)
	d.failing.note(s, failing)
	if s.began != 0 {
		s.lastRun, s.began = now-s.began, 0
	}
	w := work{Drop: s.drop}
	s.drop = false
	if s.run != nil && len(s.run.controls) > 0 {
		if !w.Drop { // else that first
			w.Control, s.run.controls = s.run.controls[0], s.run.controls[1:]
			s.run.control = w.Control
		}
		return w
	}
	w.Calls, s.pending = s.pending, nil
	d.pending.Add(-int64(len(w.Calls)))
	if len(w.Calls) > 0 {
		s.release, s.idle, s.began = false, false, now
	} else if !w.Drop {
		w.release, w.Idle = s.release, s.idle
		if d.retiring.Load() {
			w.release, w.Idle = true, false
		}
		s.release, s.idle = false, false
		if w.Done = !w.release; w.Done {
			s.running, s.run = false, nil
		}
	}
	return w
}

// Remove takes the mailbox out if nothing is pending, and reports whether it did; its task ends then.
func (d *Table) Remove(s *Mailbox) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 || s.run != nil && len(s.run.controls) > 0 {
		return false
	}
	s.running, s.gone = false, true
	d.weigh(s, 0)
	d.failing.note(s, call.Failing{})
	delete(d.boxes, s.Actor)
	d.order.remove(s)
	d.inherit(s)
	return true
}

// DropAll makes every mailbox forget its activation: the claims are no longer the node's.
func (d *Table) DropAll() {
	for _, s := range d.All() {
		s.mu.Lock()
		if s.gone {
			s.mu.Unlock()
			continue
		}
		s.drop = true
		start := !s.running
		s.running = true
		s.mu.Unlock()
		if start {
			d.Start(s)
		}
	}
}

// IdleSince reports whether nothing runs in the mailbox and its last call came before a time.
func (s *Mailbox) IdleSince(before time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.running && !s.gone && s.used < before
}

// Abandoned reports whether the running task has lost the mailbox.
func (s *Mailbox) Abandoned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil && s.run.abandoned
}

// ClaimForRelease makes the caller the one who runs the mailbox, to release it, unless it runs already.
func (s *Mailbox) ClaimForRelease() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running || s.gone {
		return false
	}
	s.running, s.release = true, true
	return true
}

// ClaimForIdle is claimForRelease for a mailbox that nobody calls: an actor with messages to deliver is not released
// then.
func (s *Mailbox) ClaimForIdle() bool {
	if !s.ClaimForRelease() {
		return false
	}
	s.mu.Lock()
	s.idle = true
	s.mu.Unlock()
	return true
}

// Retire has the running mailbox released once nothing is pending.
func (s *Mailbox) Retire() {
	s.mu.Lock()
	s.release, s.idle = true, false
	s.mu.Unlock()
}

// All returns the mailboxes in order of actor.
func (d *Table) All() []*Mailbox {
	d.mu.Lock()
	out := make([]*Mailbox, 0, len(d.boxes))
	for _, s := range d.boxes { //kelpie:unordered sorted below
		out = append(out, s)
	}
	d.mu.Unlock()
	slices.SortFunc(out, func(a, b *Mailbox) int {
		if c := strings.Compare(a.Actor.Namespace, b.Actor.Namespace); c != 0 {
			return c
		}
		return strings.Compare(a.Actor.ID, b.Actor.ID)
	})
	return out
}

// Load counts. A wedged table does not answer, and the node's heartbeat waits for the answer.
func (d *Table) Load() api.Load {
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.Load{Activations: len(d.boxes) - len(d.successors), Pending: int(d.pending.Load()),
		Bytes: d.memory.Load(), Rate: d.rate.Load()}
}

// Gauge measures the rate since it last did. It is for one task.
func (d *Table) Gauge(now time.Duration) {
	taken := d.taken.Load()
	if passed := now - d.gaugedAt; passed > 0 {
		d.rate.Store(int64(float64(taken-d.gauged) / passed.Seconds()))
	}
	d.gauged, d.gaugedAt = taken, now
}

// Stop refuses calls from now on, except those that handlers make which run. Those go on, and a mailbox that has
// nothing left to run is released.
func (d *Table) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
	d.retiring.Store(true)
}

// Close refuses all calls from now on.
func (d *Table) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping, d.closed = true, true
}

// Room says why the node has no room for an actor more, beside those that are expected.
func (d *Table) Room(expected int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopping:
		return api.Errorf(api.CodeFailedPrecondition, "it is stopping")
	case d.capacity > 0 && len(d.boxes)-len(d.successors)+expected >= d.capacity:
		return call.RefusedFor(api.RefusedFull,
			api.Errorf(api.CodeNoCapacity, "it is at its capacity of %d activations", d.capacity))
	case d.Excess() > 0:
		return call.RefusedFor(api.RefusedMemory,
			api.Errorf(api.CodeNoCapacity, "its activations take more than %d bytes", d.MemoryLimit))
	}
	return nil
}

// Holding is an actor that a node has.
type Holding struct {
	Actor api.ActorID
	Bytes int64
	Used  time.Duration
}

// Held returns the actors of a namespace, or all, in the order of their last calls.
func (d *Table) Held(namespace string) []Holding {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Holding
	for s := d.order.oldest; s != nil; s = s.newer {
		if !s.waits && (namespace == "" || s.Actor.Namespace == namespace) {
			s.mu.Lock()
			out = append(out, Holding{s.Actor, s.bytes, s.used})
			s.mu.Unlock()
		}
	}
	return out
}

// Recent returns the mailboxes that were called last, at most so many.
func (d *Table) Recent(most int) []*Mailbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*Mailbox
	for s := d.order.newest; s != nil && len(out) < most; s = s.older {
		out = append(out, s)
	}
	return out
}

// Stats is how the actor of a mailbox is doing.
func (s *Mailbox) Stats(node string, now time.Duration) api.ActorStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := api.ActorStats{
		Actor: s.Actor.String(), Node: node, Pending: len(s.pending), Calls: s.stats.Calls, Rate: s.stats.RateAt(now),
		LatencyMicros: int64(s.stats.Latency), MemoryBytes: s.bytes, IdleMillis: (now - s.used).Milliseconds(),
	}
	if s.stats.Began > 0 {
		out.AgeMillis = (now - s.stats.Began).Milliseconds()
	}
	if s.run != nil {
		out.Pending += len(s.run.calls)
	}
	if s.run != nil && s.run.what != "" {
		out.Handler, out.RunningMillis = s.run.what, (now - s.run.since).Milliseconds()
	}
	return out
}

// Stats is how an actor of this node is doing, nil if it has no mailbox here.
func (d *Table) Stats(id api.ActorID, node string, now time.Duration) *api.ActorStats {
	d.mu.Lock()
	s := d.boxes[id]
	d.mu.Unlock()
	if s == nil {
		return nil
	}
	stats := s.Stats(node, now)
	return &stats
}

// Activated begins the statistics of an activation.
func (s *Mailbox) Activated(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats = telemetry.CallStats{Began: now}
}

// Answered counts calls that have been answered together, after took on average.
func (s *Mailbox) Answered(now time.Duration, calls int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Add(now, calls, took)
}

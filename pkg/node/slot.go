// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// slot is the one place of an actor on a node: its mailbox, and its activation while there
// is one. One task at a time runs a slot, and only that task touches the activation: it
// claims, runs batches, and releases, so nothing of one actor ever happens twice at once.
type slot struct {
	actor api.ActorID

	mu      sync.Mutex
	pending []*call
	running bool
	release bool // give the claim up once nothing is pending
	idle    bool // but only because nobody calls: not while there are messages to deliver
	drop    bool // forget the activation before doing anything else
	gone    bool // no longer in the dispatcher
	waits   bool // for room; of the dispatcher, but a slot is smaller with it here
	used    time.Duration
	// When what was taken from the mailbox began to run, and how long the last of that took.
	began, lastRun time.Duration

	// Of the dispatcher: the neighbours in the order of use, and the slot that waits for this one's room.
	older, newer *slot
	bytes        int64 // about what the activation takes
	heir         *slot

	tally tally // of the activation's calls
	run   *run  // of the actor's code, nil before the first
	// resident is what the running task keeps in the slot: the actor's activation, nil if there is none.
	resident any
}

// control is something to do with an actor between its calls, such as to move it.
type control struct {
	// run is called by the task of the actor's slot, and reports whether the slot has gone with it.
	run func(s *slot) (gone bool)
	// abort is called instead of run, or while run waits for a handler that hangs. It does not block.
	abort func(err error)
}

// dispatcher holds the slots.
type dispatcher struct {
	maxPending int
	budget     *budget
	capacity   int
	// memoryLimit bounds memory, which is about what the activations take, in bytes; 0 is no bound.
	memoryLimit int64
	memory      atomic.Int64
	// start runs a slot in a task of its own; startAfter another one first, to have it released.
	start      func(*slot)
	startAfter func(s, victim *slot)

	// pending counts the calls in all mailboxes, taken all that there ever were in them; rate is how many came in a
	// second, lately.
	pending, taken, rate atomic.Int64

	// Of gauge: when it last measured, and how many calls had been taken.
	gaugedAt time.Duration
	gauged   int64

	mu      sync.Mutex
	slots   map[api.ActorID]*slot
	order   uses
	waiting int // slots that wait for room
	// stopping dispatchers take only what handlers wait for that run here, closed ones nothing.
	stopping, closed bool
}

// limits bound what a dispatcher takes.
type limits struct {
	// pending is how many calls wait in one mailbox.
	pending int
	// budget is that of the node's calls: no mailbox takes more than it has room for.
	budget *budget
	// capacity is how many activations there are, memory how many bytes they take, about; 0 is no bound.
	capacity int
	memory   int64
}

func newDispatcher(l limits) *dispatcher {
	return &dispatcher{maxPending: l.pending, budget: l.budget, capacity: l.capacity, memoryLimit: l.memory,
		slots: make(map[api.ActorID]*slot)}
}

// submit puts a call into the mailbox of its actor and reports whether it took charge of it. Without a slot it
// makes one if create is true, else it takes no charge. An error says why the call can't be taken. It does not block.
func (d *dispatcher) submit(c *call, create bool, now time.Duration) (taken bool, err error) {
	d.mu.Lock()
	s := d.slots[c.actor]
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
		s = &slot{actor: c.actor}
		d.slots[c.actor] = s
		d.wait(s, victim)
	} else {
		d.order.remove(s)
	}
	d.order.add(s)
	s.mu.Lock()
	d.mu.Unlock()
	if waiting := len(s.pending); waiting >= d.maxPending || waiting > d.budget.room() && waiting > 0 {
		s.mu.Unlock()
		// The mailbox is taken whole: there is room when what runs now has run.
		return false, errOverloaded(s.lastRun, "actor %s: %d calls are waiting already", c.actor, waiting)
	}
	c.entered = now
	s.pending = append(s.pending, c)
	d.pending.Add(1)
	d.taken.Add(1)
	s.used = now
	start := !s.running
	s.running = true
	s.mu.Unlock()
	switch {
	case victim != nil:
		d.startAfter(s, victim)
	case start:
		d.start(s)
	}
	return true, nil
}

// admit says why a call can't be taken, s being its slot or nil. If room must be made for it, that is the
// victim's; the caller has it released. d.mu is held.
func (d *dispatcher) admit(c *call, s *slot) (victim *slot, err error) {
	if d.stopping && (d.closed || !d.awaited(c)) {
		return nil, errStopped(c.actor)
	}
	if s != nil || !d.full() {
		return nil, nil
	}
	if victim = d.victim(); victim == nil {
		return nil, d.errNoRoom(c.actor)
	}
	return victim, nil
}

// awaited reports whether one of the handlers that wait for a call runs here. d.mu is held.
func (d *dispatcher) awaited(c *call) bool {
	return slices.ContainsFunc(c.chain, func(id api.ActorID) bool { return d.slots[id] != nil })
}

// full reports whether an activation more needs the room of another. d.mu is held.
func (d *dispatcher) full() bool {
	return d.capacity > 0 && len(d.slots)-d.waiting >= d.capacity || d.excess() > 0
}

// excess is how many bytes more the activations take than they should.
func (d *dispatcher) excess() int64 {
	if d.memoryLimit == 0 {
		return 0
	}
	return max(d.memory.Load()-d.memoryLimit, 0)
}

func (d *dispatcher) errNoRoom(actor api.ActorID) error {
	reason, err := api.RefusedFull, api.Errorf(api.CodeNoCapacity, "actor %s: the node is at its capacity of %d "+
		"activations, all of them busy", actor, d.capacity)
	if d.excess() > 0 {
		reason, err = api.RefusedMemory, api.Errorf(api.CodeNoCapacity, "actor %s: the activations of the node take "+
			"more than %d bytes, and all of them are busy", actor, d.memoryLimit)
	}
	err.Detail = map[string]string{api.DetailRefused: reason}
	return err
}

// weigh notes what the activation of a slot takes now. s.mu is held.
func (d *dispatcher) weigh(s *slot, bytes int64) {
	d.memory.Add(bytes - s.bytes)
	s.bytes = bytes
}

// control has the task of an actor's slot run c between its calls. An error of CodeMoved says that the actor has no
// slot here; c is then neither run nor aborted.
func (d *dispatcher) control(id api.ActorID, c *control) error {
	d.mu.Lock()
	s := d.slots[id]
	if s == nil || s.waits {
		d.mu.Unlock()
		return errMoved(id)
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
		d.start(s)
	}
	return nil
}

// takeControls takes the controls that wait in a slot which is about to go.
func (d *dispatcher) takeControls(s *slot) []*control {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	out := s.run.controls
	s.run.controls = nil
	return out
}

// controlled takes note that the slot's control has run.
func (s *slot) controlled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil && !s.run.abandoned {
		s.run.control = nil
	}
}

// take takes what is pending.
func (d *dispatcher) take(s *slot) []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.pending
	s.pending = nil
	d.pending.Add(-int64(len(calls)))
	return calls
}

// work is what the task of a slot is to do next.
type work struct {
	calls   []*call
	control *control // before the calls
	drop    bool
	release bool
	idle    bool
	done    bool // nothing: the task ends
}

// next takes what is pending. With nothing to do the slot is no longer running. bytes is what its activation takes.
func (d *dispatcher) next(s *slot, now time.Duration, bytes int64) work {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.weigh(s, bytes)
	if s.began != 0 {
		s.lastRun, s.began = now-s.began, 0
	}
	w := work{drop: s.drop}
	s.drop = false
	if s.run != nil && len(s.run.controls) > 0 {
		if !w.drop { // else that first
			w.control, s.run.controls = s.run.controls[0], s.run.controls[1:]
			s.run.control = w.control
		}
		return w
	}
	w.calls, s.pending = s.pending, nil
	d.pending.Add(-int64(len(w.calls)))
	if len(w.calls) > 0 {
		s.release, s.idle, s.began = false, false, now
	} else if !w.drop {
		w.release, w.idle = s.release, s.idle
		s.release, s.idle = false, false
		if w.done = !w.release; w.done {
			s.running, s.run = false, nil
		}
	}
	return w
}

// remove takes the slot out if nothing is pending, and reports whether it did; its task ends then.
func (d *dispatcher) remove(s *slot) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 || s.run != nil && len(s.run.controls) > 0 {
		return false
	}
	s.running, s.gone = false, true
	d.weigh(s, 0)
	delete(d.slots, s.actor)
	d.order.remove(s)
	d.inherit(s)
	return true
}

// dropAll makes every slot forget its activation: the claims are no longer the node's.
func (d *dispatcher) dropAll() {
	for _, s := range d.all() {
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
			d.start(s)
		}
	}
}

// idleSince reports whether nothing runs in the slot and its last call came before a time.
func (s *slot) idleSince(before time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.running && !s.gone && s.used < before
}

// abandoned reports whether the running task has lost the slot.
func (s *slot) abandoned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil && s.run.abandoned
}

// claimForRelease makes the caller the one who runs the slot, to release it, unless it runs already.
func (s *slot) claimForRelease() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running || s.gone {
		return false
	}
	s.running, s.release = true, true
	return true
}

// claimForIdle is claimForRelease for a slot that nobody calls: an actor with messages to deliver is not released then.
func (s *slot) claimForIdle() bool {
	if !s.claimForRelease() {
		return false
	}
	s.mu.Lock()
	s.idle = true
	s.mu.Unlock()
	return true
}

// retire has the running slot released once nothing is pending.
func (s *slot) retire() {
	s.mu.Lock()
	s.release, s.idle = true, false
	s.mu.Unlock()
}

// all returns the slots in order of actor.
func (d *dispatcher) all() []*slot {
	d.mu.Lock()
	out := make([]*slot, 0, len(d.slots))
	for _, s := range d.slots { //kelpie:unordered sorted below
		out = append(out, s)
	}
	d.mu.Unlock()
	slices.SortFunc(out, func(a, b *slot) int {
		if c := strings.Compare(a.actor.Namespace, b.actor.Namespace); c != 0 {
			return c
		}
		return strings.Compare(a.actor.ID, b.actor.ID)
	})
	return out
}

// load counts. A wedged dispatcher does not answer, and the node's heartbeat waits for the answer.
func (d *dispatcher) load() api.Load {
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.Load{Activations: len(d.slots) - d.waiting, Pending: int(d.pending.Load()), Bytes: d.memory.Load(),
		Rate: d.rate.Load()}
}

// gauge measures the rate since it last did. It is for one task.
func (d *dispatcher) gauge(now time.Duration) {
	taken := d.taken.Load()
	if passed := now - d.gaugedAt; passed > 0 {
		d.rate.Store(int64(float64(taken-d.gauged) / passed.Seconds()))
	}
	d.gauged, d.gaugedAt = taken, now
}

// stop refuses calls from now on, except those that handlers make which run. Those go on.
func (d *dispatcher) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
}

// close refuses all calls from now on.
func (d *dispatcher) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping, d.closed = true, true
}

// room says why the node has no room for an actor more, beside those that are expected.
func (d *dispatcher) room(expected int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopping:
		return api.Errorf(api.CodeFailedPrecondition, "it is stopping")
	case d.capacity > 0 && len(d.slots)-d.waiting+expected >= d.capacity:
		return refusedFor(api.RefusedFull,
			api.Errorf(api.CodeNoCapacity, "it is at its capacity of %d activations", d.capacity))
	case d.excess() > 0:
		return refusedFor(api.RefusedMemory,
			api.Errorf(api.CodeNoCapacity, "its activations take more than %d bytes", d.memoryLimit))
	}
	return nil
}

// holding is an actor that a node has.
type holding struct {
	actor api.ActorID
	bytes int64
	used  time.Duration
}

// held returns the actors of a namespace, or all, in the order of their last calls.
func (d *dispatcher) held(namespace string) []holding {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []holding
	for s := d.order.oldest; s != nil; s = s.newer {
		if !s.waits && (namespace == "" || s.actor.Namespace == namespace) {
			s.mu.Lock()
			out = append(out, holding{s.actor, s.bytes, s.used})
			s.mu.Unlock()
		}
	}
	return out
}

// recent returns the slots that were called last, at most so many.
func (d *dispatcher) recent(most int) []*slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*slot
	for s := d.order.newest; s != nil && len(out) < most; s = s.older {
		out = append(out, s)
	}
	return out
}

// stats is how the actor of a slot is doing.
func (s *slot) stats(node string, now time.Duration) api.ActorStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := api.ActorStats{
		Actor: s.actor.String(), Node: node, Pending: len(s.pending), Calls: s.tally.calls, Rate: s.tally.rateAt(now),
		LatencyMicros: int64(s.tally.latency), MemoryBytes: s.bytes, IdleMillis: (now - s.used).Milliseconds(),
	}
	if s.tally.began > 0 {
		out.AgeMillis = (now - s.tally.began).Milliseconds()
	}
	if s.run != nil {
		out.Pending += len(s.run.calls)
	}
	if s.run != nil && s.run.what != "" {
		out.Handler, out.RunningMillis = s.run.what, (now - s.run.since).Milliseconds()
	}
	return out
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// wakesAtOnce bounds how many actors of each namespace a node wakes at once of those that are due in its shards,
	// wakesPerSecond how many of all namespaces in a second: after an outage that may be much.
	wakesAtOnce    = 32
	wakesPerSecond = 1000
	// wakeWait is how long the scanner waits for one of a namespace's wakes to end, before it goes on with other
	// namespaces.
	wakeWait = 100 * time.Millisecond
	// dueGrace is how late an actor may be that a member attends to, before it is woken all the same.
	dueGrace = 5 * time.Second
	// attendedAgain is how often an actor is woken that has something to do at once, and that a member attends to: in
	// case it does not.
	attendedAgain = 10 * time.Minute
	// duePage is how many entries of a shard are read at once.
	duePage = 256
	// scanAgain is when the list is read again that could not be read.
	scanAgain = time.Second

	never = math.MaxInt64
)

// Scanner wakes the actors of its node's shards that have something to do and are not in anybody's memory. It reads the
// list of what is due when the membership has changed, when actors have been released that have something to do, and
// when the time of the earliest entry that it has seen has come. As long as nothing of that happens it reads nothing.
//
// It leaves alone what no member hosts until the membership changes. A namespace whose actors take long to wake holds
// up no other.
type Scanner struct {
	telemetry.Scope
	registry *registry.Registry
	members  *membership.Manager
	waker    *Waker
	parker   env.Parker
	// orphaned is the newest count of actors that were released with something to do.
	orphaned atomic.Uint64
	// setAside is what SetAside returns.
	setAside atomic.Pointer[map[string]int64]
	// steppedBack says that the wall clock was set back: times that were counted from it may be far off.
	steppedBack atomic.Bool

	// Of the task that runs it. shards are the node's own, in order.
	own    []int
	shards map[int]*dueShard
	wakes  map[string]*wakes
	// view and counted are the view and the count that the times of the shards are good for.
	view    *registry.View
	counted uint64
	// begin is when the next actor may be woken, on the node's monotonic clock.
	begin  time.Duration
	random *env.Rand
}

// dueShard is what the scanner knows of one of its shards. Times are in milliseconds since 1970.
type dueShard struct {
	// next is when to read it.
	next int64
	// sweep is when to wake the actors that have something to do at once and are attended to; 0 if there were none.
	sweep int64
	// aside is how many entries there were of namespaces without a node, asideOf of each of those.
	aside   int
	asideOf map[string]int64
	// pause is how long the shard is left alone in which nobody could be woken.
	pause time.Duration
}

// wakes bounds the wakes of a namespace that are under way.
type wakes struct {
	permits *env.Semaphore
	held    atomic.Int64
	// crowded namespaces have all their wakes under way, and those take long. They stay so until half of them have
	// ended.
	crowded bool
}

// NewScanner returns a scanner, which Run runs.
func NewScanner(s telemetry.Scope, r *registry.Registry, k *membership.Manager, w *Waker) *Scanner {
	return &Scanner{
		Scope: s, registry: r, members: k, waker: w,
		parker: s.Env.NewParker(), random: s.Env.Rand("shards of what is due"),
		shards: make(map[int]*dueShard), wakes: make(map[string]*wakes),
	}
}

// Beaten is told of every heartbeat. It does not block.
func (s *Scanner) Beaten(unattended uint64) {
	s.orphaned.Store(unattended)
	s.parker.Unpark()
}

// StepBack is told that the wall clock was set back. It does not block.
func (s *Scanner) StepBack() {
	s.steppedBack.Store(true)
	s.parker.Unpark()
}

// Run scans until ctx ends.
func (s *Scanner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		s.look()
		wait := timersLookedAt
		filled := -1 // a shard that has entries, or had a moment ago: those before it had none
		for i, first := 0, s.first(); i < len(s.own); i++ {
			shard := s.own[(first+i)%len(s.own)]
			if first+i == len(s.own) {
				filled = -1
			}
			if s.shards[shard].next <= s.Env.Now().UnixMilli() {
				var err error
				if filled, err = s.read(ctx, shard, filled); err != nil {
					if ctx.Err() == nil {
						s.Log.Warn("what is due could not be read", "shard", shard, "error", err)
					}
					wait = scanAgain
					break
				}
			}
			wait = min(wait, until(s.shards[shard].next, s.Env.Now().UnixMilli()))
		}
		s.publish()
		alarm := s.Env.AfterFunc(wait, s.parker.Unpark)
		_ = s.parker.Park(ctx)
		alarm.Stop()
	}
}

// SetAside returns how many actors of each namespace the node has found to have something to do, and leaves alone
// because no member hosts the namespace and accepts actors. There may be more: a shard is read up to what is not due
// yet. It must not be modified, and may be called from any task.
func (s *Scanner) SetAside() map[string]int64 {
	if known := s.setAside.Load(); known != nil {
		return *known
	}
	return nil
}

// publish makes known what is set aside in the node's shards.
func (s *Scanner) publish() {
	var all map[string]int64
	for _, shard := range s.own {
		for ns, n := range s.shards[shard].asideOf { //kelpie:unordered sums
			if all == nil {
				all = make(map[string]int64)
			}
			all[ns] += n
		}
	}
	if len(all)+len(s.SetAside()) > 0 {
		s.setAside.Store(&all)
	}
}

// first is the index of the shard to begin with, another one each time: where there is no room for all that is due,
// it must not always be the same that is refused.
func (s *Scanner) first() int {
	if len(s.own) == 0 {
		return 0
	}
	return s.random.IntN(len(s.own))
}

// look finds out what has changed since the last time: which shards are the node's, and which of them must be read.
func (s *Scanner) look() {
	if s.steppedBack.Swap(false) {
		for _, shard := range s.own {
			*s.shards[shard] = dueShard{}
		}
	}
	view, counted := s.members.Members(), s.orphaned.Load()
	if s.view == nil || s.view.Counter != view.Counter {
		s.own = view.ShardsOf(s.NodeID)
		before := s.shards
		s.shards = make(map[int]*dueShard, len(s.own))
		for _, shard := range s.own {
			s.shards[shard] = new(dueShard)
			if old := before[shard]; old != nil {
				s.shards[shard].sweep, s.shards[shard].pause = old.sweep, old.pause
			}
		}
	} else if counted != s.counted {
		now := s.Env.Now()
		for _, shard := range s.own {
			sh := s.shards[shard]
			sh.next = min(sh.next, now.Add(sh.burden()).UnixMilli())
		}
	}
	s.view, s.counted = view, counted
}

// burden is how long the shard is left alone when actors have been released: longer the more of it would be read for
// nothing.
func (sh *dueShard) burden() time.Duration {
	return min(time.Duration(sh.aside/duePage)*time.Second, wakeAgainMax)
}

// read scans a shard, unless it is empty. filled is the first shard that was found not to be, from one before this
// on; so is what is returned. Most shards have nothing, and one read passes over all of them up to the next that has.
func (s *Scanner) read(ctx context.Context, shard, filled int) (int, error) {
	if filled < shard {
		var err error
		if filled, err = s.registry.NextDueShard(ctx, shard); err != nil {
			return filled, err
		}
	}
	if filled > shard {
		*s.shards[shard] = dueShard{next: never}
		return filled, nil
	}
	return filled, s.scan(ctx, shard)
}

// pass is one reading of a shard.
type pass struct {
	shard *dueShard
	now   int64
	// attending are the members, hosted the namespaces that one of them hosts which takes actors.
	attending map[registry.Incarnation]bool
	hosted    map[string]bool
	// next is when to read the shard again, sweep when to wake those that are attended to, if there are any.
	next, sweep int64
	aside       int
	asideOf     map[string]int64
	woken, put  int // actors that were woken, and that were put off
	failed      *atomic.Int64
}

func (s *Scanner) newPass(shard int) *pass {
	sh := s.shards[shard]
	p := &pass{
		shard: sh, attending: make(map[registry.Incarnation]bool), hosted: make(map[string]bool),
		next: never, failed: new(atomic.Int64),
	}
	for _, n := range s.view.Members() {
		p.attending[n.Incarnation] = true
		if n.State != registry.NodeActive {
			continue
		}
		for _, ns := range n.Namespaces {
			p.hosted[ns] = true
		}
	}
	return p
}

// scan reads a shard up to what is not due yet, and wakes what is.
func (s *Scanner) scan(ctx context.Context, shard int) error {
	p := s.newPass(shard)
	var after registry.DueEntry
	for more := true; more; {
		var entries []registry.DueEntry
		var err error
		if entries, more, err = s.registry.Due(ctx, shard, after, duePage); err != nil {
			return err
		}
		for _, e := range entries {
			after = e
			p.now = s.Env.Now().UnixMilli()
			at := p.dueAt(e)
			if at <= p.now {
				if err := s.wake(ctx, e.Actor, p); err != nil {
					return err
				}
				continue
			}
			if at == never { // until the members change
				continue
			}
			p.next = min(p.next, at)
			if more = more && e.At <= p.next; !more {
				break
			}
		}
	}
	p.end()
	return nil
}

// dueAt is when an actor is to be woken. A member that attends to it has it do things in time, by a clock that may
// not be this node's.
func (p *pass) dueAt(e registry.DueEntry) int64 {
	attended := p.attending[e.Attended]
	switch {
	case attended && e.At == registry.DueAtOnce:
		if p.shard.sweep == 0 {
			p.shard.sweep = p.now + attendedAgain.Milliseconds()
		}
		p.sweep = p.shard.sweep
		return p.sweep
	case attended:
		return e.At + dueGrace.Milliseconds()
	case !p.hosted[e.Actor.Namespace]:
		p.aside++
		if p.asideOf == nil {
			p.asideOf = make(map[string]int64)
		}
		p.asideOf[e.Actor.Namespace]++
		return never
	}
	return e.At
}

// end notes when the shard is to be read again. It is left alone for a while after actors of it were woken: longer
// each time while that does not help.
func (p *pass) end() {
	sh := p.shard
	switch {
	case p.woken+p.put == 0:
		sh.pause = 0
	case int(p.failed.Load()) < p.woken+p.put:
		sh.pause = WakeAgain
	default:
		sh.pause = min(max(2*sh.pause, WakeAgain), wakeAgainMax)
	}
	if sh.pause > 0 {
		p.next = min(p.next, p.now+sh.pause.Milliseconds())
	}
	if sh.sweep <= p.now { // they have been woken
		p.sweep = 0
	}
	sh.next, sh.sweep, sh.aside, sh.asideOf = p.next, p.sweep, p.aside, p.asideOf
}

// wake has an actor woken, at the rate and with as many others of its namespace as it may be. An error says that ctx
// has ended.
func (s *Scanner) wake(ctx context.Context, id api.ActorID, p *pass) error {
	w := s.wakes[id.Namespace]
	if w == nil {
		w = &wakes{permits: env.NewSemaphore(s.Env, wakesAtOnce)}
		s.wakes[id.Namespace] = w
	}
	begun, err := w.begin(ctx, s.Env)
	if !begun {
		p.put++
		return err
	}
	p.woken++
	now := s.Env.Monotonic()
	s.begin = max(s.begin, now-timersPause) + time.Second/wakesPerSecond
	if ahead := s.begin - now; ahead > timersPause {
		if err := env.Sleep(s.Env, ctx, ahead); err != nil {
			w.end()
			return err
		}
	}
	s.waker.wake(id, func(_ bool, err error) {
		w.end()
		if err != nil {
			p.failed.Add(1)
			s.Log.Debug("an actor with something to do could not be woken", "actor", id.String(), "error", err)
		}
	})
	return nil
}

// begin waits for one of the namespace's wakes to end, if all are under way, but not for long. begun is whether
// another one may begin.
func (w *wakes) begin(ctx context.Context, e env.Env) (begun bool, err error) {
	if w.crowded && w.held.Load() > wakesAtOnce/2 {
		return false, nil
	}
	w.crowded = false
	if !w.permits.TryAcquire(1) {
		limited, cancel := env.WithTimeout(e, ctx, wakeWait)
		defer cancel()
		if err := w.permits.Acquire(limited, 1); err != nil {
			w.crowded = true
			return false, ctx.Err() // all that is wrong otherwise is that the time is over
		}
	}
	w.held.Add(1)
	return true, nil
}

// end takes note that a wake has ended.
func (w *wakes) end() {
	w.held.Add(-1)
	w.permits.Release(1)
}

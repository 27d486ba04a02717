// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// wakesAtOnce and wakesPerSecond bound how a node wakes what is due in its shards: after an outage that may be much.
	wakesAtOnce    = 64
	wakesPerSecond = 1000
	// wakeTimeout bounds the waking of one actor. It is woken again if it is due still.
	wakeTimeout = 10 * time.Second
	// dueGrace is how late an actor may be that a member attends to, before it is woken all the same.
	dueGrace = 5 * time.Second
	// duePage is how many entries of a shard are read at once.
	duePage = 256
	// scanAgain is when the list is read again that could not be read.
	scanAgain = time.Second

	never = math.MaxInt64
)

// scanner wakes the actors of its node's shards that have something to do and are not in anybody's memory. It reads the
// list of what is due when the membership has changed, when actors have been released that have something to do, and
// when the time of the earliest entry that it has seen has come. As long as nothing of that happens it reads nothing.
type scanner struct {
	node   *Node
	parker env.Parker
	// unattended is the newest count of actors that were released with something to do.
	unattended atomic.Uint64

	// Of the task that runs it. next is when each of its shards is to be read, in milliseconds since 1970; at once without an entry.
	next map[int]int64
	own  []int
	// seen is the view and the count as of which next holds.
	view    *registry.View
	counted uint64
	// pause is how long a shard is left alone in which nobody could be woken.
	pause map[int]time.Duration
	// begin is when the next actor may be woken, on the node's monotonic clock.
	begin   time.Duration
	permits *env.Semaphore
	random  *env.Rand
}

func newScanner(n *Node) *scanner {
	return &scanner{
		node: n, parker: n.env.NewParker(), next: make(map[int]int64), pause: make(map[int]time.Duration),
		permits: env.NewSemaphore(n.env, wakesAtOnce), random: n.env.Rand("shards of what is due"),
	}
}

// beaten is told of every heartbeat. It does not block.
func (s *scanner) beaten(unattended uint64) {
	s.unattended.Store(unattended)
	s.parker.Unpark()
}

// run scans until ctx ends.
func (s *scanner) run(ctx context.Context) {
	for ctx.Err() == nil {
		s.look()
		wait := timersLookedAt
		filled := -1 // a shard that has entries, or had a moment ago: those before it had none
		for i, first := 0, s.first(); i < len(s.own); i++ {
			shard := s.own[(first+i)%len(s.own)]
			if first+i == len(s.own) {
				filled = -1
			}
			if at, now := s.next[shard], s.node.env.Now().UnixMilli(); at <= now {
				var err error
				if filled, err = s.read(ctx, shard, filled); err != nil {
					if ctx.Err() == nil {
						s.node.log.Warn("what is due could not be read", "shard", shard, "error", err)
					}
					wait = scanAgain
					break
				}
			}
			wait = min(wait, until(s.next[shard], s.node.env.Now().UnixMilli()))
		}
		alarm := s.node.env.AfterFunc(wait, s.parker.Unpark)
		_ = s.parker.Park(ctx)
		alarm.Stop()
	}
}

// first is the index of the shard to begin with, another one each time: where there is no room for all that is due, it must not
// always be the same that is refused.
func (s *scanner) first() int {
	if len(s.own) == 0 {
		return 0
	}
	return s.random.IntN(len(s.own))
}

// look finds out what has changed since the last time: which shards are the node's, and which of them must be read.
func (s *scanner) look() {
	view, counted := s.node.keeper.members(), s.unattended.Load()
	changed := s.view == nil || s.view.Counter != view.Counter
	if changed {
		s.own = view.ShardsOf(s.node.config.NodeID)
	}
	if changed || counted != s.counted {
		clear(s.next)
	}
	s.view, s.counted = view, counted
}

// read scans a shard, unless it is empty. filled is the first shard that was found not to be, from one before this on; so is what is
// returned. Most shards have nothing, and one read passes over all of them up to the next that has.
func (s *scanner) read(ctx context.Context, shard, filled int) (int, error) {
	if filled < shard {
		var err error
		if filled, err = s.node.registry.NextDueShard(ctx, shard); err != nil {
			return filled, err
		}
	}
	if filled > shard {
		s.next[shard] = never
		return filled, nil
	}
	return filled, s.scan(ctx, shard)
}

// scan reads a shard up to what is not due yet, and wakes what is.
func (s *scanner) scan(ctx context.Context, shard int) error {
	attending := make(map[registry.Incarnation]bool)
	for _, n := range s.view.Members() {
		attending[n.Incarnation] = true
	}
	next, woken, failed := int64(never), 0, new(atomic.Int64)
	var after registry.DueEntry
	for more := true; more; {
		var entries []registry.DueEntry
		var err error
		if entries, more, err = s.node.registry.Due(ctx, shard, after, duePage); err != nil {
			return err
		}
		for _, e := range entries {
			after = e
			now := s.node.env.Now().UnixMilli()
			at := dueAt(e, attending[e.Attended])
			if at <= now {
				if err := s.wake(ctx, e.Actor, failed); err != nil {
					return err
				}
				woken++
				continue
			}
			next = min(next, at)
			if more = more && e.At <= next; !more {
				break
			}
		}
	}
	if woken == 0 {
		delete(s.pause, shard)
	} else {
		next = min(next, s.node.env.Now().Add(s.rest(shard, woken, failed)).UnixMilli())
	}
	s.next[shard] = next
	return nil
}

// dueAt is when an actor is to be woken. A member that attends to it has it do things in time, by a clock that may not be this node's.
func dueAt(e registry.DueEntry, attended bool) int64 {
	switch {
	case attended && e.At == registry.DueAtOnce:
		return never
	case attended:
		return e.At + dueGrace.Milliseconds()
	}
	return e.At
}

// rest is how long a shard is left alone after actors of it were woken: longer each time while that does not help.
func (s *scanner) rest(shard, woken int, failed *atomic.Int64) time.Duration {
	pause := min(max(2*s.pause[shard], wakeAgain), wakeAgainMax)
	if int(failed.Load()) < woken {
		pause = wakeAgain
	}
	s.pause[shard] = pause
	return pause
}

// wake has an actor woken, at the rate and with as many others as it may be. An error says that ctx has ended.
func (s *scanner) wake(ctx context.Context, id api.ActorID, failed *atomic.Int64) error {
	now := s.node.env.Monotonic()
	s.begin = max(s.begin, now-timersPause) + time.Second/wakesPerSecond
	if ahead := s.begin - now; ahead > timersPause {
		if err := env.Sleep(s.node.env, ctx, ahead); err != nil {
			return err
		}
	}
	if err := s.permits.Acquire(ctx, 1); err != nil {
		return err
	}
	s.node.wake(id, func(_ bool, err error) {
		s.permits.Release(1)
		if err != nil {
			failed.Add(1)
			s.node.log.Debug("an actor with something to do could not be woken", "actor", id.String(), "error", err)
		}
	})
	return nil
}

// wake makes an actor active, here or elsewhere, if it is not. done is told how that went, and does not block.
func (n *Node) wake(id api.ActorID, done func(elsewhere bool, err error)) {
	n.router.route(&call{
		actor: id, method: api.MethodWake,
		context:  n.life,
		deadline: n.env.Monotonic() + wakeTimeout,
		finish:   func(_ []byte, owner string, err error) { done(owner != "", err) },
	})
}

// fire has an actor woken whose timer has come.
func (n *Node) fire(t timer) {
	n.wake(t.actor, func(elsewhere bool, err error) {
		if elsewhere && err == nil {
			n.timers.forget(t) // it is looked after there
		}
	})
}

// life is the context of what nobody waits for.
func (n *Node) life() context.Context { return n.ctx }

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// cancelCtx is the context of this package. Locks are taken from parent to child.
type cancelCtx struct {
	parent  context.Context
	up      *cancelCtx      // the nearest cancelCtx above, nil if none or beyond a foreign one
	foreign context.Context // the nearest foreign context above, nil if none
	limit   *cancelCtx      // that with the earliest deadline, of this and those above; nil if none

	env Env           // set if limit is this
	at  time.Duration // the deadline, on env's monotonic clock

	end  atomic.Pointer[outcome] // set once, under mu
	link watcher                 // in up's watchers

	mu          sync.Mutex
	done        chan struct{} // made when first asked for
	timer       Timer         // set when first waited for, if limit is this
	stopForeign func() bool   // set when first waited for, if foreign is
	watchers    watchers
}

var selfKey int

// newCancelCtx returns a child of parent, with a deadline if e is not nil and
// parent does not end before.
func newCancelCtx(parent context.Context, e Env, at time.Duration) *cancelCtx {
	if parent == nil {
		panic("env: a context without a parent")
	}
	c := &cancelCtx{parent: parent}
	c.link.child = c
	c.up, c.foreign = lookup(parent)
	if c.up != nil {
		c.foreign, c.limit = c.up.foreign, c.up.limit
	}
	if e != nil {
		left, limited := Remaining(e, parent)
		if !limited || at-e.Monotonic() < left {
			c.limit, c.env, c.at = c, e, at
		}
	}
	if c.up != nil {
		if o := c.up.watch(&c.link); o != nil {
			c.end.Store(o)
		}
	}
	return c
}

// newTimeoutCtx is newCancelCtx with a deadline d from now, or at the end of time
// if that is nearer.
func newTimeoutCtx(parent context.Context, e Env, d time.Duration) *cancelCtx {
	now := e.Monotonic()
	if d > math.MaxInt64-now {
		return newCancelCtx(parent, e, math.MaxInt64)
	}
	return newCancelCtx(parent, e, now+d)
}

// lookup returns the cancelCtx with which ctx ends, seen through values laid
// around it, or ctx itself if something else ends it, or neither if it never ends.
func lookup(ctx context.Context) (c *cancelCtx, foreign context.Context) {
	if c, ok := ctx.(*cancelCtx); ok {
		return c, nil
	}
	done := ctx.Done()
	if done == nil {
		return nil, nil
	}
	// The same channel says that nothing in between ends by itself.
	if c, ok := ctx.Value(&selfKey).(*cancelCtx); ok && c.Done() == done {
		return c, nil
	}
	return nil, ctx
}

// Deadline implements context.Context. It is on the wall clock of the Env as
// that stands now.
func (c *cancelCtx) Deadline() (at time.Time, ok bool) {
	if c.foreign != nil {
		at, ok = c.foreign.Deadline()
	}
	if l := c.limit; l != nil {
		own := l.env.Now().Add(l.at - l.env.Monotonic())
		if !ok || own.Before(at) {
			return own, true
		}
	}
	return at, ok
}

func (c *cancelCtx) remaining(e Env) (left time.Duration, ok bool) {
	if c.foreign != nil {
		left, ok = Remaining(e, c.foreign)
	}
	if l := c.limit; l != nil {
		own := l.at - l.env.Monotonic()
		if !ok || own < left {
			return own, true
		}
	}
	return left, ok
}

// Done implements context.Context.
func (c *cancelCtx) Done() <-chan struct{} {
	c.arm()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.end.Load() != nil {
			c.done = closedChan
		} else {
			c.done = make(chan struct{})
		}
	}
	return c.done
}

// Err implements context.Context. It looks at the clock, so that it is right
// without a timer.
func (c *cancelCtx) Err() error {
	if o := c.outcome(); o != nil {
		return o.err
	}
	return nil
}

// outcome returns how c ended, nil if it has not. It runs no watchers, for its
// caller may hold any lock: those that wait have armed a timer, which will.
func (c *cancelCtx) outcome() *outcome {
	if o := c.end.Load(); o != nil {
		return o
	}
	if l := c.limit; l != nil && l.env.Monotonic() >= l.at {
		c.latch(l.latch(deadlineExceeded))
	} else if c.foreign != nil && c.foreign.Err() != nil {
		c.latch(foreignOutcome(c.foreign))
	}
	return c.end.Load()
}

// Value implements context.Context. Of a context that has ended it also answers
// what context.Cause asks for.
func (c *cancelCtx) Value(key any) any {
	if key == &selfKey {
		return c
	}
	if o := c.end.Load(); o != nil {
		if v := o.carrier.Value(key); v != nil {
			return v
		}
	}
	return c.parent.Value(key)
}

// String keeps formatting from reading fields that change.
func (c *cancelCtx) String() string { return "env.Context" }

// AfterFunc is called by package context for a child of its own, which then
// needs no goroutine to follow this context. The caller holds locks that f takes.
func (c *cancelCtx) AfterFunc(f func()) (stop func() bool) {
	w := &watcher{f: f}
	if o := c.watchArmed(w); o != nil {
		return context.AfterFunc(o.carrier, f) // in a goroutine of its own
	}
	return func() bool { return c.unwatch(w) }
}

func (c *cancelCtx) onDone(f func()) (stop func() bool) {
	w := &watcher{f: f}
	if o := c.watchArmed(w); o != nil {
		f()
	}
	return func() bool { return c.unwatch(w) }
}

func (c *cancelCtx) watchArmed(w *watcher) *outcome {
	if o := c.outcome(); o != nil {
		return o
	}
	c.arm()
	return c.watch(w)
}

// watch adds w, unless c has ended, which it returns then.
func (c *cancelCtx) watch(w *watcher) *outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.end.Load(); o != nil {
		return o
	}
	c.watchers.add(w)
	return nil
}

// unwatch removes w and reports whether it was there.
func (c *cancelCtx) unwatch(w *watcher) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchers.remove(w)
}

// arm sees to it that c is ended by what nobody calls cancel for: a deadline,
// a foreign context.
func (c *cancelCtx) arm() {
	if c.limit != nil {
		c.limit.armTimer()
	}
	if c.foreign != nil {
		c.armForeign()
	}
}

func (c *cancelCtx) armTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil && c.end.Load() == nil {
		c.timer = c.env.AfterFunc(c.at-c.env.Monotonic(), func() { c.finish(deadlineExceeded) })
	}
}

func (c *cancelCtx) armForeign() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopForeign == nil && c.end.Load() == nil {
		c.stopForeign = context.AfterFunc(c.foreign, func() { c.finish(foreignOutcome(c.foreign)) })
	}
}

func (c *cancelCtx) cancel() { c.finish(canceled) }

func (c *cancelCtx) cancelCause(cause error) {
	if cause == nil {
		c.cancel()
		return
	}
	c.finish(newOutcome(context.Canceled, cause))
}

// finish ends c and all below it, leaves its parent, and runs the watchers.
func (c *cancelCtx) finish(o *outcome) {
	c.latch(o)
	if c.up != nil {
		c.up.unwatch(&c.link)
	}
	c.run()
}

// latch makes o the end of c and of all below it, unless they have ended
// before, and returns c's.
func (c *cancelCtx) latch(o *outcome) *outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.end.Load(); before != nil {
		return before
	}
	c.end.Store(o)
	if c.done != nil {
		close(c.done)
	}
	for w := c.watchers.head; w != nil; w = w.next {
		if w.child != nil {
			w.child.latch(o)
		}
	}
	return o
}

// run stops what could have ended c, and calls the watchers of c and of all
// below it, which have ended.
func (c *cancelCtx) run() {
	c.mu.Lock()
	timer, stopForeign := c.timer, c.stopForeign
	c.timer, c.stopForeign = nil, nil
	c.mu.Unlock()
	if timer != nil {
		timer.Stop()
	}
	if stopForeign != nil {
		stopForeign()
	}
	for {
		c.mu.Lock()
		w := c.watchers.head
		c.watchers.remove(w)
		c.mu.Unlock()
		switch {
		case w == nil:
			return
		case w.child != nil:
			w.child.run()
		default:
			w.f()
		}
	}
}

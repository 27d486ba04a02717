// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
)

// A node that can't reach the store can't serve: it can prove nothing, and commit nothing. contact finds that out,
// once for the whole node, and ends everything that waits for the store at the same moment: the registry uses the
// store only through it. What comes later fails at once, until the store answers again.
//
// The heartbeat is what tries: it goes on while the store is out of reach, and nothing else does.

const (
	// silentBeats is how many heartbeats the store may leave unanswered before it counts as out of reach.
	silentBeats = 2
	// silentTicks is in how many steps that time is measured: the store must be silent in all of them.
	silentTicks = 2
)

// Contact is whether the node reaches its store. It is safe for concurrent use.
type Contact struct {
	telemetry.Scope
	// store names the store, for people.
	store func() string
	// trouble, if not nil, says why the store can't be connected to, where that is known; nil otherwise.
	trouble func() error

	// answered is whether the store has answered since the last tick.
	answered atomic.Bool
	// outage is the present one, nil while the store answers.
	outage atomic.Pointer[outage]

	mu sync.Mutex
	// ctx ends with the contact. The next one has another.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// trying is whether a heartbeat has no answer yet. It began at tried, by the two clocks.
	trying    bool
	tried     time.Duration
	triedWall time.Time
	// patience is how long the store may be silent.
	patience time.Duration
	timer    env.Timer
	ticks    int // of timers that were set: only the last counts
	silent   int // ticks in a row
	reason   error
}

// outage is a time in which the store does not answer.
type outage struct {
	began  time.Duration
	since  time.Time
	reason string
	// guess says that nothing was known but the silence.
	guess bool
}

// NewContact returns a contact that takes the store to answer. store names it in errors. trouble, which may be nil,
// says why the store can't be connected to, where that is known; nil otherwise.
func NewContact(s telemetry.Scope, store func() string, trouble func() error) *Contact {
	c := &Contact{Scope: s, store: store, trouble: trouble}
	c.ctx, c.cancel = env.WithCancelCause(context.Background())
	return c
}

// Enter implements registry.Contact: it returns a child of ctx that also ends when the store gets out of reach.
func (c *Contact) Enter(ctx context.Context) (within context.Context, leave func(), err error) {
	if err := c.Err(); err != nil {
		return nil, nil, err
	}
	within, cancel := env.WithCancelCause(ctx)
	c.mu.Lock()
	held := c.ctx
	c.mu.Unlock()
	stop := env.OnDone(held, func() { cancel(context.Cause(held)) })
	return within, func() {
		stop()
		cancel(nil)
	}, nil
}

// Err says that the store is out of reach, and since when; nil while it answers.
func (c *Contact) Err() error {
	o := c.outage.Load()
	if o == nil {
		return nil
	}
	return c.describe(o)
}

// reasonOf is the reason of an outage, with what has become known since it began.
func (c *Contact) reasonOf(o *outage) string {
	if o.guess && c.trouble != nil {
		if err := c.trouble(); err != nil {
			return err.Error()
		}
	}
	return o.reason
}

func (c *Contact) describe(o *outage) *api.Error {
	err := api.Errorf(api.CodeUnavailable, "store %s unreachable since %s: %s", c.store(),
		o.since.UTC().Format(time.RFC3339), c.reasonOf(o))
	err.Detail = map[string]string{
		api.DetailStoreSilent: strconv.FormatInt((c.Env.Monotonic() - o.began).Milliseconds(), 10)}
	return err
}

// try is told that a heartbeat begins.
func (c *Contact) try(heartbeat, leaseTTL time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trying {
		return // that of before has failed: the store has been silent since then
	}
	// Well before the node is fenced for its silence, whatever the lease.
	c.patience = min(silentBeats*heartbeat, leaseTTL/2)
	c.reason = nil
	c.trying, c.silent, c.tried, c.triedWall = true, 0, c.Env.Monotonic(), c.Env.Now()
	c.answered.Store(false)
	c.wait()
}

// beaten is told that a heartbeat was committed.
func (c *Contact) beaten() {
	c.mu.Lock()
	c.trying = false
	c.ticks++
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.mu.Unlock()
	c.Heard(nil)
}

// Heard implements registry.Contact.
func (c *Contact) Heard(err error) {
	if err != nil {
		c.mu.Lock()
		c.reason = err
		c.mu.Unlock()
		return
	}
	if !c.answered.Load() {
		c.answered.Store(true)
	}
	if c.outage.Load() != nil {
		c.regain()
	}
}

// wait has tick called in time. c.mu is held.
func (c *Contact) wait() {
	c.ticks++
	tick := c.ticks
	c.timer = c.Env.AfterFunc(c.patience/silentTicks, func() { c.tick(tick) })
}

// tick looks whether the store has answered since the last tick.
func (c *Contact) tick(tick int) {
	c.mu.Lock()
	if tick != c.ticks || c.Scope.Ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	if c.answered.Swap(false) {
		c.silent = 0
		c.tried, c.triedWall = c.Env.Monotonic(), c.Env.Now()
	} else {
		c.silent++
	}
	if c.silent < silentTicks || c.outage.Load() != nil {
		c.wait()
		c.mu.Unlock()
		return
	}
	o := &outage{began: c.tried, since: c.triedWall, reason: c.why(), guess: c.reason == nil}
	o.reason = c.reasonOf(o)
	err, cancel := c.describe(o), c.cancel
	c.outage.Store(o)
	c.wait()
	c.mu.Unlock()
	cancel(err)
	c.Log.Warn("the store is out of reach: calls that need it are answered unavailable", "store", c.store(), "reason",
		o.reason)
	c.tell(o.reason)
}

// why says in a few words what is known of the silence. c.mu is held.
func (c *Contact) why() string {
	if c.reason == nil {
		return fmt.Sprintf("no answer within %v", c.patience)
	}
	for err := c.reason; err != nil; {
		e, ok := errors.AsType[*kv.Error](err)
		if !ok {
			if known, ok := errors.AsType[*api.Error](err); ok && known.Message != "" {
				return known.Message
			}
			return err.Error()
		}
		if e.Cause == nil {
			return e.Message
		}
		err = e.Cause
	}
	return c.reason.Error()
}

// regain ends the outage.
func (c *Contact) regain() {
	c.mu.Lock()
	o := c.outage.Load()
	if o == nil {
		c.mu.Unlock()
		return
	}
	c.ctx, c.cancel = env.WithCancelCause(context.Background())
	c.reason, c.silent = nil, 0
	c.outage.Store(nil)
	lasted, patience := c.Env.Monotonic()-o.began, c.patience
	c.mu.Unlock()
	level := slog.LevelWarn
	if lasted > errorAfter*patience {
		level = slog.LevelError
	}
	c.Log.Log(context.Background(), level, "the store answers again", "store", c.store(), "lasted",
		lasted.Round(time.Millisecond), "reason", o.reason)
	c.tell("")
}

// tell tells of the beginning and the end of an outage.
func (c *Contact) tell(reason string) {
	kind := api.EventStoreLost
	if reason == "" {
		kind, reason = api.EventStoreBack, "it answers heartbeats"
	}
	c.Happened(api.Event{Kind: kind, Node: c.NodeID, Cause: reason})
}

// errorAfter is how many times the patience an outage lasts to be an error in the log, not a warning: about when
// leases run out.
const errorAfter = 3

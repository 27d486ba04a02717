// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

type key struct{}

var errCause = errors.New("cause")

// ends checks how ctx ended.
func ends(t *testing.T, what string, ctx context.Context, err, cause error) {
	t.Helper()
	equal(t, what+": Err", ctx.Err(), err)
	equal(t, what+": Cause", context.Cause(ctx), cause)
	select {
	case <-ctx.Done():
		equal(t, what+": is done", err != nil, true)
	default:
		equal(t, what+": is not done", err, nil)
	}
}

func TestCancelGoesDownTheTree(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		root, cancelRoot := env.WithCancelCause(background)
		defer cancelRoot(nil)
		branch, cancelBranch := env.WithCancel(context.WithValue(root, key{}, "v"))
		defer cancelBranch()
		leaf, cancelLeaf := env.WithTimeout(e, branch, time.Hour)
		defer cancelLeaf()
		other, cancelOther := env.WithCancel(root)
		defer cancelOther()
		detached, cancelDetached := env.WithCancel(context.WithoutCancel(leaf))
		defer cancelDetached()

		for _, ctx := range []context.Context{root, branch, leaf, other, detached} {
			ends(t, "before", ctx, nil, nil)
		}
		equal(t, "value", leaf.Value(key{}), any("v"))
		equal(t, "value beyond WithoutCancel", detached.Value(key{}), any("v"))

		cancelBranch()
		ends(t, "branch", branch, context.Canceled, context.Canceled)
		ends(t, "leaf", leaf, context.Canceled, context.Canceled)
		ends(t, "root", root, nil, nil)
		ends(t, "other", other, nil, nil)
		equal(t, "value after the end", leaf.Value(key{}), any("v"))

		cancelRoot(errCause)
		ends(t, "root", root, context.Canceled, errCause)
		ends(t, "other", other, context.Canceled, errCause)
		ends(t, "leaf keeps its end", leaf, context.Canceled, context.Canceled)
		ends(t, "detached", detached, nil, nil)

		late, cancelLate := env.WithTimeout(e, context.WithValue(root, key{}, 1), time.Hour)
		defer cancelLate()
		ends(t, "child of an ended parent", late, context.Canceled, errCause)
	})
}

func TestCancelledContextsLeaveTheirParent(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		root, cancelRoot := env.WithCancel(background)
		defer cancelRoot()
		var cancels []context.CancelFunc
		for i := range 10 {
			ctx, cancel := env.WithTimeout(e, context.WithValue(root, key{}, i), time.Hour)
			stop := env.OnDone(ctx, func() {})
			stopRoot := env.OnDone(root, func() {})
			cancels = append(cancels, cancel, func() { stop(); stopRoot() })
		}
		equal(t, "watchers", env.Watchers(root), 20)
		for _, cancel := range cancels {
			cancel()
			cancel()
		}
		equal(t, "watchers after", env.Watchers(root), 0)

		expired, cancel := env.WithTimeout(e, root, -1)
		ends(t, "expired", expired, context.DeadlineExceeded, context.DeadlineExceeded)
		cancel()
		ends(t, "cancelled after that", expired, context.DeadlineExceeded, context.DeadlineExceeded)
		equal(t, "watchers after expiry", env.Watchers(root), 0)
	})
}

// timerCounter counts the timers that are made, and those that are stopped in time.
type timerCounter struct {
	env.Env
	made, stopped int
}

func (c *timerCounter) AfterFunc(d time.Duration, f func()) env.Timer {
	c.made++
	return countedTimer{c.Env.AfterFunc(d, f), c}
}

type countedTimer struct {
	env.Timer
	counter *timerCounter
}

func (t countedTimer) Stop() bool {
	stopped := t.Timer.Stop()
	if stopped {
		t.counter.stopped++
	}
	return stopped
}

func TestTimersAreStopped(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		c := &timerCounter{Env: e}
		parent, cancelParent := env.WithTimeout(c, background, 2*time.Hour)
		ctx, cancel := env.WithTimeout(c, parent, time.Hour)
		ends(t, "own", ctx, nil, nil)
		ends(t, "parent", parent, nil, nil)
		equal(t, "made", c.made, 2)
		cancel()
		equal(t, "stopped by its cancel", c.stopped, 1)
		ctx, cancel = env.WithTimeout(c, parent, time.Hour)
		defer cancel()
		ends(t, "another", ctx, nil, nil)
		cancelParent()
		equal(t, "stopped by the parent's cancel", c.stopped, 3)
		equal(t, "Sleep", env.Sleep(c, ctx, time.Hour), context.Canceled)
		equal(t, "all are stopped", c.stopped, c.made)
	})
}

func TestDeadlineWithoutTimer(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		c := &timerCounter{Env: e}
		parent, cancelParent := env.WithTimeout(c, background, 2*time.Millisecond)
		defer cancelParent()
		ctx, cancel := env.WithTimeout(c, parent, time.Millisecond)
		defer cancel()
		for ctx.Err() == nil {
			must(t, env.Sleep(e, background, 100*time.Microsecond))
		}
		equal(t, "Err", ctx.Err(), context.DeadlineExceeded)
		for parent.Err() == nil {
			must(t, env.Sleep(e, background, 100*time.Microsecond))
		}
		equal(t, "Cause", context.Cause(parent), context.DeadlineExceeded)
		equal(t, "timers", c.made, 0)
		ends(t, "looked at late", ctx, context.DeadlineExceeded, context.DeadlineExceeded)
		equal(t, "timers of what has ended", c.made, 0)
	})
}

func TestDeadlineEndsWaiters(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		c := &timerCounter{Env: e}
		parent, cancelParent := env.WithTimeout(c, background, time.Millisecond)
		defer cancelParent()
		later, cancelLater := env.WithTimeout(c, context.WithValue(parent, key{}, 1), time.Hour)
		defer cancelLater()
		plain, cancelPlain := env.WithCancel(later)
		defer cancelPlain()
		equal(t, "park", e.NewParker().Park(plain), context.DeadlineExceeded)
		for _, ctx := range []context.Context{plain, later, parent} {
			ends(t, "after", ctx, context.DeadlineExceeded, context.DeadlineExceeded)
		}
		equal(t, "timers", c.made, 1)
	})
}

func TestDeadlineAndRemaining(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		none, cancelNone := env.WithCancel(background)
		defer cancelNone()
		for _, ctx := range []context.Context{background, none} {
			if left, ok := env.Remaining(e, ctx); ok {
				t.Fatalf("%v remain without a deadline", left)
			}
			if at, ok := ctx.Deadline(); ok {
				t.Fatalf("deadline %v where there is none", at)
			}
		}
		within := func(what string, ctx context.Context, most time.Duration) {
			t.Helper()
			left, ok := env.Remaining(e, ctx)
			if !ok || left > most || left < most-time.Minute {
				t.Fatalf("%s: %v, %v remain, want %v", what, left, ok, most)
			}
			at, ok := ctx.Deadline()
			if left := at.Sub(e.Now()); !ok || left > most || left < most-time.Minute {
				t.Fatalf("%s: deadline in %v, %v, want %v", what, left, ok, most)
			}
		}
		hour, cancelHour := env.WithDeadlineAt(e, background, e.Monotonic()+time.Hour)
		defer cancelHour()
		longer, cancelLonger := env.WithTimeout(e, hour, 2*time.Hour)
		defer cancelLonger()
		shorter, cancelShorter := env.WithTimeout(e, longer, time.Hour/2)
		defer cancelShorter()
		within("own", hour, time.Hour)
		within("the parent's", longer, time.Hour)
		within("shorter", shorter, time.Hour/2)
		within("through a value", context.WithValue(shorter, key{}, 1), time.Hour/2)

		forever, cancelForever := env.WithTimeout(e, background, 1<<63-1)
		defer cancelForever()
		ends(t, "forever", forever, nil, nil)
	})
}

func TestOnDone(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ctx, cancel := env.WithCancel(background)
		defer cancel()
		var calls []string
		note := func(name string) func() { return func() { calls = append(calls, name) } }
		env.OnDone(ctx, note("a"))
		env.OnDone(context.WithValue(ctx, key{}, 1), note("b"))
		stop := env.OnDone(ctx, note("stopped"))
		equal(t, "stop", stop(), true)
		equal(t, "stop again", stop(), false)
		never := env.OnDone(background, note("never"))
		cancel()
		env.OnDone(ctx, note("late"))
		equal(t, "calls", fmt.Sprint(calls), "[a b late]")
		never()
	})
}

func TestOnDoneOfDeadline(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		p := e.NewParker()
		stop := env.OnDone(ctx, p.Unpark)
		must(t, p.Park(background))
		equal(t, "stop after the call", stop(), false)
		equal(t, "Err", ctx.Err(), context.DeadlineExceeded)
	})
}

// TestCancelRaces ends trees from several sides at once, while they grow.
func TestCancelRaces(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		root, cancelRoot := env.WithCancel(background)
		defer cancelRoot()
		for i := range rounds / 3 {
			ctx, cancel := env.WithTimeout(e, root, time.Duration(i%7)*10*time.Microsecond)
			child, cancelChild := env.WithCancelCause(ctx)
			p := e.NewParker()
			race(e, cancel, func() { cancelChild(errCause) },
				func() { _ = p.Park(child) },
				func() { _ = child.Err() },
				func() {
					late, cancelLate := env.WithTimeout(e, context.WithValue(child, key{}, i), time.Hour)
					defer cancelLate()
					_ = e.NewParker().Park(late)
				},
				func() {
					done := e.NewParker()
					env.OnDone(child, done.Unpark)
					must(t, done.Park(background))
				})
			err, cause := child.Err(), context.Cause(child)
			switch {
			case err == context.Canceled && (cause == errCause || cause == context.Canceled):
			case err == context.DeadlineExceeded && cause == err:
			default:
				t.Fatalf("ended by %v, cause %v", err, cause)
			}
		}
		equal(t, "left with the root", env.Watchers(root), 0)
	})
}

func TestDeadlineAtDoesNotWrap(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		if at, ok := env.DeadlineAt(e, background); ok {
			t.Errorf("a context without a deadline has one, %v", at)
		}
		before := e.Monotonic()
		ctx, cancel := env.WithTimeout(e, background, time.Hour)
		defer cancel()
		if at, ok := env.DeadlineAt(e, ctx); !ok || at < before+time.Hour || at > e.Monotonic()+time.Hour {
			t.Errorf("%v, %v", at, ok)
		}
		late, cancel := context.WithDeadline(background, e.Now().Add(math.MaxInt64))
		defer cancel()
		if at, ok := env.DeadlineAt(e, late); !ok || at < before+time.Hour {
			t.Errorf("%v, %v", at, ok)
		}
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"sync"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestFuture(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		f := env.NewFuture[int](e)
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		v, err := f.Wait(ctx)
		equal(t, "gave up", err, errDeadline)
		equal(t, "value", v, 0)
		equal(t, "Done", f.Done(), false)

		wait := func() {
			v, err := f.Wait(background)
			equal(t, "value", v, 7)
			equal(t, "error", err, errCause)
		}
		race(e, wait, wait, wait, func() {
			eventually(e, func() bool { return f.Waiting() == 3 })
			equal(t, "Complete", f.Complete(7, errCause), true)
			equal(t, "Complete again", f.Complete(8, nil), false)
		})
		equal(t, "Done", f.Done(), true)
		v, err = f.Wait(ctx) // a result wins over a context that has ended
		equal(t, "value", v, 7)
		equal(t, "error", err, errCause)
	})
}

func TestFutureIsCompletedOnce(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		for range rounds {
			f := env.NewFuture[int](e)
			ctx, cancel := env.WithCancel(background)
			var first, second bool
			race(e, cancel,
				func() { first = f.Complete(1, nil) },
				func() { second = f.Complete(2, nil) },
				func() {
					if v, err := f.Wait(ctx); err == nil && v == 0 {
						t.Error("neither a value nor an error")
					}
				})
			v, err := f.Wait(background)
			must(t, err)
			equal(t, "winners", first != second, true)
			equal(t, "the first wins", v == 1, first)
		}
	})
}

func TestEvent(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ev := env.NewEvent(e)
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		equal(t, "Wait", ev.Wait(ctx), errDeadline)
		equal(t, "IsSet", ev.IsSet(), false)
		wait := func() { must(t, ev.Wait(background)) }
		race(e, wait, wait, ev.Set, ev.Set)
		equal(t, "IsSet", ev.IsSet(), true)
		must(t, ev.Wait(ctx))
	})
}

func TestCond(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		var mu sync.Mutex
		changed := env.NewCond(e, &mu)
		n := 0
		waitFor := func(want int) func() {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				for n < want {
					must(t, changed.Wait(background))
				}
			}
		}
		race(e, waitFor(1), waitFor(10), waitFor(20), func() {
			for range 20 {
				mu.Lock()
				n++
				changed.Broadcast()
				mu.Unlock()
				must(t, env.Sleep(e, background, time.Microsecond))
			}
		})

		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		mu.Lock()
		equal(t, "Wait", changed.Wait(ctx), errDeadline)
		equal(t, "waiting", changed.Waiting(), 0)
		mu.Unlock()
	})
}

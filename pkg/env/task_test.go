// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestTaskStops(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		began := env.NewEvent(e)
		task := env.Start(e, background, "task", func(ctx context.Context) {
			began.Set()
			equal(t, "park", e.NewParker().Park(ctx), errCanceled)
		})
		must(t, began.Wait(background))
		equal(t, "Done", task.Done(), false)
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		equal(t, "Wait", task.Wait(ctx), errDeadline)
		task.Stop()
		must(t, task.Wait(background))
		equal(t, "Done", task.Done(), true)
		task.Stop()
	})
}

// heldEnv does not begin tasks before it is told to.
type heldEnv struct {
	env.Env
	held []func()
}

func (h *heldEnv) Go(_ string, f func()) { h.held = append(h.held, f) }

func (h *heldEnv) begin() {
	for _, f := range h.held {
		h.Env.Go("held", f)
	}
}

// TestStopBeforeFirstRun checks that a stop is latched: one that was requested
// before the task first runs still stops it.
func TestStopBeforeFirstRun(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		h := &heldEnv{Env: e}
		saw := 0
		f := func(ctx context.Context) {
			saw++
			equal(t, "Err", ctx.Err(), errCanceled)
			equal(t, "Sleep", env.Sleep(e, ctx, time.Hour), errCanceled)
		}
		task := env.Start(h, background, "task", f)
		task.Stop()
		equal(t, "Done", task.Done(), false)
		h.begin()
		must(t, task.Wait(background))

		h = &heldEnv{Env: e}
		group := env.NewGroup(h, background)
		equal(t, "Go", group.Go("task", f), true)
		group.Stop()
		h.begin()
		must(t, group.Wait(background))
		equal(t, "runs", saw, 2)
	})
}

func TestTaskEndsWithItsParent(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		parent, cancel := env.WithCancelCause(background)
		task := env.Start(e, parent, "task", func(ctx context.Context) {
			equal(t, "park", e.NewParker().Park(ctx), errCause)
		})
		cancel(errCause)
		must(t, task.Wait(background))
		equal(t, "left with the parent", env.Watchers(parent), 0)
	})
}

func TestGroup(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		g := env.NewGroup(e, background)
		must(t, g.Wait(background)) // there is none
		ended, started := env.NewSemaphore(e, 10), env.NewEvent(e)
		must(t, ended.Acquire(background, 10))
		wait := func(ctx context.Context) {
			equal(t, "park", e.NewParker().Park(ctx), errCanceled)
			ended.Release(1)
		}
		for range 9 {
			equal(t, "Go", g.Go("task", wait), true)
		}
		equal(t, "Go from a task", g.Go("task", func(ctx context.Context) {
			equal(t, "Go", g.Go("child", wait), true)
			started.Set()
		}), true)
		must(t, started.Wait(background))
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		equal(t, "Wait", g.Wait(ctx), errDeadline)
		g.Stop()
		must(t, g.Wait(background))
		equal(t, "all have ended", ended.TryAcquire(10), true)
		equal(t, "Go after Stop", g.Go("late", func(context.Context) { t.Error("ran after Stop") }), false)
		must(t, g.Wait(background))
	})
}

// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestMutexExcludes(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		m := env.NewMutex(e)
		holders, turns := 0, 0
		work := func() {
			for range 20 {
				must(t, m.Lock(background))
				holders++
				if holders != 1 {
					t.Errorf("%d hold the mutex", holders)
				}
				must(t, env.Sleep(e, background, time.Microsecond))
				holders--
				turns++
				m.Unlock()
			}
		}
		race(e, work, work, work, work)
		equal(t, "turns", turns, 80)
		equal(t, "waiting", m.Waiting(), 0)
	})
}

func TestMutexIsFair(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		m := env.NewMutex(e)
		must(t, m.Lock(background))
		equal(t, "TryLock of a locked one", m.TryLock(), false)
		var order []int
		all := env.NewGroup(e, background)
		defer all.Stop()
		for i := range 5 {
			all.Go("waiter", func(context.Context) {
				must(t, m.Lock(background))
				order = append(order, i)
				m.Unlock()
			})
			eventually(e, func() bool { return m.Waiting() == i+1 })
		}
		m.Unlock()
		must(t, all.Wait(background))
		equal(t, "order", fmt.Sprint(order), "[0 1 2 3 4]")
		equal(t, "TryLock of a free one", m.TryLock(), true)
	})
}

func TestMutexUnlockedTwicePanics(t *testing.T) {
	defer func() { equal(t, "panic", recover(), any("env: unlock of an unlocked mutex")) }()
	m := env.NewMutex(env.Real())
	equal(t, "TryLock", m.TryLock(), true)
	m.Unlock()
	m.Unlock()
}

// TestMutexHandOffIsNotLost cancels a waiter while it is handed the mutex: it
// has it, or the one behind it does.
func TestMutexHandOffIsNotLost(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		got, gaveUp := 0, 0
		for range rounds {
			m := env.NewMutex(lateEnv{e})
			must(t, m.Lock(background))
			ctx, cancel := env.WithCancel(background)
			race(e, cancel, m.Unlock, func() {
				if m.Lock(ctx) == nil {
					got++
					m.Unlock()
				} else {
					gaveUp++
				}
			}, func() {
				must(t, m.Lock(background))
				m.Unlock()
			})
			equal(t, "free afterwards", m.TryLock(), true)
		}
		t.Logf("%d got it, %d gave up", got, gaveUp)
	})
}

func TestMutexLockGivesUp(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		m := env.NewMutex(e)
		must(t, m.Lock(background))
		for range 3 { // the waiter is used again
			ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
			defer cancel()
			equal(t, "Lock", m.Lock(ctx), errDeadline)
			equal(t, "waiting", m.Waiting(), 0)
		}
		m.Unlock()
		ctx, cancel := env.WithCancel(background)
		cancel()
		must(t, m.Lock(ctx))
	})
}

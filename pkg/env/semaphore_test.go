// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestSemaphoreBounds(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		const size = 5
		s := env.NewSemaphore(e, size)
		count := env.NewMutex(e)
		used, most := int64(0), int64(0)
		add := func(n int64) {
			must(t, count.Lock(background))
			defer count.Unlock()
			used += n
			most = max(most, used)
		}
		work := func(n int64) func() {
			return func() {
				for range 20 {
					must(t, s.Acquire(background, n))
					add(n)
					must(t, env.Sleep(e, background, time.Microsecond))
					add(-n)
					s.Release(n)
				}
			}
		}
		race(e, work(1), work(2), work(3), work(5), work(0))
		if most > size {
			t.Errorf("%d units in use", most)
		}
		equal(t, "all are back", s.TryAcquire(size), true)
	})
}

func TestSemaphoreIsFair(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		s := env.NewSemaphore(e, 3)
		must(t, s.Acquire(background, 2))
		var mu sync.Mutex
		var order []int64
		all := env.NewGroup(e, background)
		defer all.Stop()
		for i, n := range []int64{3, 1, 2} {
			all.Go("waiter", func(context.Context) {
				must(t, s.Acquire(background, n))
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
				s.Release(n)
			})
			eventually(e, func() bool { return s.Waiting() == i+1 })
		}
		equal(t, "overtaking a large request", s.TryAcquire(1), false)
		s.Release(2)
		must(t, all.Wait(background))
		equal(t, "first", order[0], 3)
		equal(t, "all are back", s.TryAcquire(3), true)
	})
}

// TestSemaphoreAdmitsThoseBehind lets a large request give up: what it stood in
// the way of goes on.
func TestSemaphoreAdmitsThoseBehind(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		s := env.NewSemaphore(e, 2)
		must(t, s.Acquire(background, 1))
		ctx, cancel := env.WithCancel(background)
		race(e, func() { equal(t, "large", s.Acquire(ctx, 2), errCanceled) }, func() {
			eventually(e, func() bool { return s.Waiting() == 1 })
			race(e, func() { must(t, s.Acquire(background, 1)) }, func() {
				eventually(e, func() bool { return s.Waiting() == 2 })
				cancel()
			})
		})
	})
}

func TestSemaphoreHandOffIsNotLost(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		for range rounds {
			s := env.NewSemaphore(lateEnv{e}, 2)
			must(t, s.Acquire(background, 2))
			ctx, cancel := env.WithCancel(background)
			race(e, cancel, func() { s.Release(2) }, func() {
				if s.Acquire(ctx, 2) == nil {
					s.Release(2)
				}
			}, func() {
				must(t, s.Acquire(background, 1))
				s.Release(1)
			})
			equal(t, "all are back", s.TryAcquire(2), true)
		}
	})
}

func TestSemaphoreMisuse(t *testing.T) {
	e := env.Real()
	equal(t, "more than there are", env.NewSemaphore(e, 1).Acquire(background, 2), env.ErrTooMany)
	for name, f := range map[string]func(){
		"release": func() { env.NewSemaphore(e, 1).Release(1) },
		"acquire": func() { env.NewSemaphore(e, 1).TryAcquire(-1) },
		"new":     func() { env.NewSemaphore(e, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := fmt.Sprint(recover()); r == "<nil>" {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

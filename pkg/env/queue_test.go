// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

// TestQueueDeliversOnceInOrder checks what several consumers get from several
// producers: everything once, and of each producer in its order.
func TestQueueDeliversOnceInOrder(t *testing.T) {
	type item struct{ producer, n int }
	const producers, items = 3, 50
	for _, capacity := range []int{0, 1, 7} {
		envtest.Both(t, func(t *testing.T, e env.Env) {
			q := env.NewQueue[item](e, capacity)
			closed := env.NewEvent(e)
			var got [3][]item
			produce := env.NewGroup(e, background)
			defer produce.Stop()
			for p := range producers {
				produce.Go("producer", func(context.Context) {
					for n := range items {
						must(t, q.Push(background, item{p, n}))
					}
				})
			}
			race(e, func() {
				must(t, produce.Wait(background))
				q.Close()
				closed.Set()
			}, func() {
				for {
					v, err := q.Pop(background)
					if err != nil {
						equal(t, "Pop", err, env.ErrClosed)
						return
					}
					got[0] = append(got[0], v)
				}
			}, func() {
				var err error
				for err == nil {
					got[1], err = q.PopAll(background, got[1])
				}
				equal(t, "PopAll", err, env.ErrClosed)
			}, func() {
				eventually(e, func() bool {
					v, ok := q.TryPop()
					if ok {
						got[2] = append(got[2], v)
					}
					return !ok && closed.IsSet()
				})
			})
			seen := make(map[item]bool)
			for _, items := range got {
				last := make(map[int]int)
				for _, v := range items {
					if n, ok := last[v.producer]; ok && v.n <= n {
						t.Errorf("%v after %d", v, n)
					}
					last[v.producer] = v.n
					if seen[v] {
						t.Errorf("%v twice", v)
					}
					seen[v] = true
				}
			}
			equal(t, "delivered", len(seen), producers*items)
		})
	}
}

func TestQueueCapacity(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		q := env.NewQueue[int](e, 2)
		equal(t, "first", q.TryPush(1), true)
		equal(t, "second", q.TryPush(2), true)
		equal(t, "third", q.TryPush(3), false)
		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		equal(t, "Push", q.Push(ctx, 3), errDeadline)
		race(e, func() { must(t, q.Push(background, 4)) }, func() {
			eventually(e, func() bool { return q.Waiting() == 1 })
			v, err := q.Pop(background)
			must(t, err)
			equal(t, "oldest", v, 1)
			equal(t, "Len", q.Len(), 2)
		})
		all, err := q.PopAll(background, []int{0})
		must(t, err)
		equal(t, "all", slices.Equal(all, []int{0, 2, 4}), true)
	})
}

// TestQueuePopAllAdmits checks that emptying a full queue lets those in who wait,
// in their order.
func TestQueuePopAllAdmits(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		q := env.NewQueue[int](e, 2)
		must(t, q.Push(background, 0))
		must(t, q.Push(background, 1))
		pushers := env.NewGroup(e, background)
		defer pushers.Stop()
		for i := range 3 {
			pushers.Go("pusher", func(context.Context) { must(t, q.Push(background, 2+i)) })
			eventually(e, func() bool { return q.Waiting() == i+1 })
		}
		var all []int
		for len(all) < 5 {
			var err error
			all, err = q.PopAll(background, all)
			must(t, err)
		}
		equal(t, "in order", slices.IsSorted(all), true)
		must(t, pushers.Wait(background))
	})
}

func TestQueueClose(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		q := env.NewQueue[int](e, 1)
		must(t, q.Push(background, 1))
		race(e, func() { equal(t, "waiting Push", q.Push(background, 2), env.ErrClosed) }, func() {
			eventually(e, func() bool { return q.Waiting() == 1 })
			q.Close()
			q.Close()
		})
		equal(t, "Push", q.Push(background, 3), env.ErrClosed)
		equal(t, "TryPush", q.TryPush(3), false)
		v, err := q.Pop(background)
		must(t, err)
		equal(t, "what was in it", v, 1)
		_, err = q.Pop(background)
		equal(t, "Pop", err, env.ErrClosed)
		buf, err := q.PopAll(background, []int{7})
		equal(t, "PopAll", err, env.ErrClosed)
		equal(t, "buf", len(buf), 1)

		empty := env.NewQueue[int](e, 0)
		race(e, func() {
			_, err := empty.Pop(background)
			equal(t, "waiting Pop", err, env.ErrClosed)
		}, func() {
			eventually(e, func() bool { return empty.Waiting() == 1 })
			empty.Close()
		})
	})
}

func TestQueueServesInOrderOfArrival(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		q := env.NewQueue[int](e, 0)
		poppers := env.NewGroup(e, background)
		defer poppers.Stop()
		for i := range 5 {
			poppers.Go("popper", func(context.Context) {
				v, err := q.Pop(background)
				must(t, err)
				equal(t, "popped", v, i)
			})
			eventually(e, func() bool { return q.Waiting() == i+1 })
		}
		for i := range 5 {
			equal(t, "TryPush", q.TryPush(i), true)
		}
		must(t, poppers.Wait(background))
		equal(t, "Len", q.Len(), 0)
	})
}

// TestQueueHandOffIsNotLost cancels a task while it is handed an element: it
// gets it, or the one behind it does.
func TestQueueHandOffIsNotLost(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		for range rounds {
			q := env.NewQueue[int](lateEnv{e}, 1)
			ctx, cancel := env.WithCancel(background)
			got := env.NewSemaphore(e, 2)
			must(t, got.Acquire(background, 2))
			race(e, cancel, func() { must(t, q.Push(background, 1)) }, func() { must(t, q.Push(background, 1)) },
				func() {
					if _, err := q.Pop(ctx); err == nil {
						got.Release(1)
					}
				}, func() {
					_, err := q.Pop(background)
					must(t, err)
					got.Release(1)
				})
			if _, ok := q.TryPop(); ok {
				got.Release(1)
			}
			equal(t, "both were delivered", got.TryAcquire(2), true)
		}
	})
}

// TestQueueRefusedPushIsNotDelivered cancels a task while it waits to push.
func TestQueueRefusedPushIsNotDelivered(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		for range rounds {
			q := env.NewQueue[int](lateEnv{e}, 1)
			must(t, q.Push(background, 1))
			ctx, cancel := env.WithCancel(background)
			pushed := false
			race(e, cancel, func() { pushed = q.Push(ctx, 2) == nil }, func() {
				_, err := q.Pop(background)
				must(t, err)
			})
			_, delivered := q.TryPop()
			equal(t, "delivered", delivered, pushed)
		}
	})
}

func TestQueueOfNegativeCapacityPanics(t *testing.T) {
	defer func() { equal(t, "panic", recover(), any("env: a queue of negative capacity")) }()
	env.NewQueue[int](env.Real(), -1)
}

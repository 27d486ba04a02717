// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestKilledKnowsOnlyItsOwn(t *testing.T) {
	for _, v := range []any{nil, "killed", errors.New("killed"), struct{}{}} {
		equal(t, "Killed", env.Killed(v), false)
	}
}

func TestKilledIsSeenByThoseWhoRecover(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		m := s.Machine("m")
		parked := env.NewEvent(m)
		saw := 0
		handler := func() {
			defer func() {
				r := recover()
				if !env.Killed(r) {
					t.Errorf("recovered %v", r)
				}
				saw++
				panic(r)
			}()
			parked.Set()
			_ = m.NewParker().Park(background)
		}
		m.Go("server", handler)
		must(t, parked.Wait(background))
		m.Kill()
		equal(t, "recovered", saw, 1)
	})
}

// killing is a primitive that a task of another machine waits in when that is killed.
type killing struct {
	wait    func()     // of the victim
	waiting func() int // tasks in the primitive
	give    func()     // what the victim waits for
	check   func()     // that what was given is not lost
}

// TestKilledTaskLeavesPrimitives kills a machine while its task waits in a primitive that it
// shares with others, before and after it was handed what it waits for.
func TestKilledTaskLeavesPrimitives(t *testing.T) {
	for name, of := range map[string]func(t *testing.T, e env.Env) killing{
		"mutex": killingMutex, "semaphore": killingSemaphore, "pop": killingPop, "push": killingPush,
		"future": killingFuture, "cond": killingCond,
	} {
		t.Run(name, func(t *testing.T) {
			envtest.Simulated(t, 20, func(t *testing.T, s *coro.Scheduler) {
				main, victim := s.Machine(coro.MainMachine), s.Machine("victim")
				k := of(t, main)
				victim.Go("waiter", k.wait)
				eventually(main, func() bool { return k.waiting() == 1 })
				race(main, k.give, victim.Kill)
				equal(t, "left in the primitive", k.waiting(), 0)
				k.check()
			})
		})
	}
}

func killingMutex(t *testing.T, e env.Env) killing {
	m := env.NewMutex(e)
	must(t, m.Lock(background))
	return killing{
		wait: func() {
			must(t, m.Lock(background))
			m.Unlock()
		},
		waiting: m.Waiting,
		give:    m.Unlock,
		check:   func() { equal(t, "is free", m.TryLock(), true) },
	}
}

func killingSemaphore(t *testing.T, e env.Env) killing {
	s := env.NewSemaphore(e, 2)
	must(t, s.Acquire(background, 2))
	return killing{
		wait: func() {
			must(t, s.Acquire(background, 2))
			s.Release(2)
		},
		waiting: s.Waiting,
		give:    func() { s.Release(2) },
		check:   func() { equal(t, "is free", s.TryAcquire(2), true) },
	}
}

func killingPop(t *testing.T, e env.Env) killing {
	q := env.NewQueue[int](e, 0)
	delivered := 0
	return killing{
		wait: func() {
			_, err := q.Pop(background)
			must(t, err)
			delivered++
		},
		waiting: q.Waiting,
		give:    func() { must(t, q.Push(background, 1)) },
		check: func() {
			if _, ok := q.TryPop(); ok {
				delivered++
			}
			equal(t, "delivered", delivered, 1)
		},
	}
}

func killingPush(t *testing.T, e env.Env) killing {
	q := env.NewQueue[int](e, 1)
	must(t, q.Push(background, 1))
	return killing{
		wait:    func() { must(t, q.Push(background, 2)) },
		waiting: q.Waiting,
		give: func() {
			v, err := q.Pop(background)
			must(t, err)
			equal(t, "first", v, 1)
		},
		check: func() {
			v, ok := q.TryPop()
			equal(t, "second", v == 2, ok) // or never pushed
			equal(t, "has room", q.TryPush(3), true)
		},
	}
}

func killingFuture(t *testing.T, e env.Env) killing {
	f := env.NewFuture[int](e)
	return killing{
		wait: func() {
			_, err := f.Wait(background)
			must(t, err)
		},
		waiting: f.Waiting,
		give:    func() { f.Complete(1, nil) },
		check:   func() { equal(t, "Done", f.Done(), true) },
	}
}

func killingCond(t *testing.T, e env.Env) killing {
	guard := new(sync.Mutex)
	c := env.NewCond(e, guard)
	return killing{
		wait: func() {
			guard.Lock()
			defer guard.Unlock()
			must(t, c.Wait(background))
		},
		waiting: c.Waiting,
		give: func() {
			guard.Lock()
			defer guard.Unlock()
			c.Broadcast()
		},
		check: func() { equal(t, "guard is free", guard.TryLock(), true) },
	}
}

// TestKilledTaskPassesOn kills a machine after its task was handed something and before
// that ran: the task behind it gets it.
func TestKilledTaskPassesOn(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		main, victim := s.Machine(coro.MainMachine), s.Machine("victim")
		q, m := env.NewQueue[int](main, 0), env.NewMutex(main)
		sem := env.NewSemaphore(main, 1)
		must(t, m.Lock(background))
		must(t, sem.Acquire(background, 1))
		ran := env.NewGroup(main, background)
		defer ran.Stop()
		wait := func(context.Context) {
			v, err := q.Pop(background)
			must(t, err)
			equal(t, "popped", v, 1)
			must(t, m.Lock(background))
			must(t, sem.Acquire(background, 1))
		}
		queued := func(n int) func() bool { return func() bool { return q.Waiting() == n } }
		victim.Go("pop", func() {
			_, err := q.Pop(background)
			must(t, err)
			t.Error("went on")
		})
		victim.Go("lock", func() {
			must(t, m.Lock(background))
			t.Error("went on")
		})
		victim.Go("acquire", func() {
			must(t, sem.Acquire(background, 1))
			t.Error("went on")
		})
		eventually(main, func() bool { return queued(1)() && m.Waiting() == 1 && sem.Waiting() == 1 })
		ran.Go("survivor", wait)
		eventually(main, queued(2))

		must(t, q.Push(background, 1))
		m.Unlock()
		sem.Release(1)
		victim.Kill()
		must(t, ran.Wait(background))
	})
}

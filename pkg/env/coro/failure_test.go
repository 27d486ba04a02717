// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// fails runs main and wants its failure to be target and to mention each of parts.
func fails(t *testing.T, opts coro.Options, main func(s *coro.Scheduler), target error, parts ...string) {
	t.Helper()
	s := coro.New(opts)
	err := s.Run(func() { main(s) })
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the message:\n%v", part, err)
		}
	}
}

func waitForever(e env.Env) { _, _ = env.NewQueue[int](e, 0).Pop(background) }

func TestDeadlockSaysWhoWaits(t *testing.T) {
	fails(t, coro.Options{}, func(s *coro.Scheduler) {
		n := s.Machine("n1")
		n.Go("consumer", func() { waitForever(n) })
		must(t, env.Sleep(n, background, time.Second))
		must(t, env.NewMutex(n).Lock(background))
		must(t, env.NewEvent(n).Wait(background))
	}, coro.ErrDeadlock, "deadlock after 1s", "with 2 tasks left", `task 1 "main" of machine main, waits in`,
		"(*Event).Wait",
		"TestDeadlockSaysWhoWaits", `task 2 "consumer" of machine n1, waits in`, "coro_test.waitForever",
		"failure_test.go:")
}

func TestPanicOfTask(t *testing.T) {
	var seen *coro.PanicError
	s := coro.New(coro.Options{})
	err := s.Run(func() {
		e := s.Machine("n1")
		e.Go("bomb", func() { explode(errTest) })
		waitForever(e)
	})
	if !errors.As(err, &seen) || !errors.Is(err, errTest) {
		t.Fatalf("got %v", err)
	}
	equal(t, "task", seen.Task, `task 2 "bomb" of machine n1`)
	if !strings.Contains(err.Error(), "panicked: test error") ||
		!strings.Contains(string(seen.Stack), "coro_test.explode") {
		t.Errorf("unclear: %v", err)
	}
}

func explode(v any) { panic(v) }

func TestPanicOfTimer(t *testing.T) {
	fails(t, coro.Options{}, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		e.AfterFunc(1, func() { explode(errTest) })
		waitForever(e)
	}, errTest, "a timer's function panicked: test error")
}

func TestPanicOfMain(t *testing.T) {
	fails(t, coro.Options{}, func(*coro.Scheduler) { explode(errTest) }, errTest,
		`task 1 "main" of machine main panicked`)
}

// TestPanicWhileUnwinding checks that what goes wrong in deferred calls is seen.
func TestPanicWhileUnwinding(t *testing.T) {
	fails(t, coro.Options{}, func(s *coro.Scheduler) {
		e := s.Machine("n1")
		e.Go("bomb", func() {
			defer explode(errTest)
			waitForever(e)
		})
		must(t, env.Sleep(e, background, 1))
	}, errTest, `task 2 "bomb" of machine n1 panicked`)
}

func TestFirstFailureIsReported(t *testing.T) {
	fails(t, coro.Options{}, func(s *coro.Scheduler) {
		e := s.Machine("n1")
		e.Go("waiter", func() {
			defer explode("later")
			waitForever(e)
		})
		must(t, env.Sleep(e, background, 1))
		explode(errTest)
	}, errTest)
}

func TestGoexitOfTask(t *testing.T) {
	for name, where := range map[string]func(s *coro.Scheduler){
		"main":  func(*coro.Scheduler) { runtime.Goexit() },
		"task":  func(s *coro.Scheduler) { s.Machine("n").Go("quitter", runtime.Goexit); waitForever(s.Machine("n")) },
		"timer": func(s *coro.Scheduler) { s.Machine("n").AfterFunc(1, runtime.Goexit); waitForever(s.Machine("n")) },
		"deferred": func(s *coro.Scheduler) {
			e := s.Machine("n")
			for range 3 {
				e.Go("quitter", func() {
					defer runtime.Goexit()
					waitForever(e)
				})
			}
			_ = env.Sleep(e, background, 1)
		},
		"killed by a task": func(s *coro.Scheduler) {
			e := s.Machine("n")
			e.Go("quitter", func() {
				defer runtime.Goexit()
				waitForever(e)
			})
			_ = env.Sleep(e, background, 1)
			e.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			unwound := false
			fails(t, coro.Options{}, func(s *coro.Scheduler) {
				e := s.Machine("other")
				e.Go("waiter", func() {
					defer func() { unwound = true }()
					waitForever(e)
				})
				must(t, env.Sleep(e, background, 1))
				where(s)
			}, coro.ErrGoexit, "testing.T.FailNow")
			equal(t, "the others are unwound", unwound, true)
		})
	}
}

func TestStepsMax(t *testing.T) {
	fails(t, coro.Options{StepsMax: 100}, func(s *coro.Scheduler) {
		e := s.Machine("n1")
		e.Go("waiter", func() { waitForever(e) })
		for {
			must(t, env.Sleep(e, background, 1))
		}
	}, coro.ErrLimit, "limit of 100 steps reached", `task 2 "waiter" of machine n1, waits in`, "env.Sleep")
}

func TestElapsedMax(t *testing.T) {
	fails(t, coro.Options{ElapsedMax: time.Hour}, func(s *coro.Scheduler) {
		e := s.Machine("n1")
		e.Pause(48 * time.Hour)
		must(t, env.Sleep(e, background, 25*time.Hour))
	}, coro.ErrLimit, "limit of 1h0m0s virtual time reached")
}

// TestSwallowingTheKill checks that a task that recovers from everything in a
// loop is reported, rather than to hang the run.
func TestSwallowingTheKill(t *testing.T) {
	s := coro.New(coro.Options{})
	err := s.Run(func() {
		e := s.Machine("n1")
		e.Go("zombie", func() {
			for {
				func() {
					defer func() { _ = recover() }()
					waitForever(e)
				}()
			}
		})
		must(t, env.Sleep(e, background, 1))
	})
	if err == nil ||
		!strings.Contains(err.Error(), `task 2 "zombie" of machine n1 goes on after its machine was killed`) {
		t.Errorf("got %v", err)
	}
}

// panics wants f to panic with a message that has part in it.
func panics(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r, ok := recover().(string); !ok || !strings.Contains(r, part) {
			t.Errorf("panic: %v", r)
		}
	}()
	f()
}

func TestParkOutsideOfATask(t *testing.T) {
	const message = "coro: Park outside of a task"
	s := coro.New(coro.Options{})
	park := func() { _ = s.Machine("n").NewParker().Park(background) }
	panics(t, message, park)
	must(t, s.Run(func() {
		e := s.Machine(coro.MainMachine)
		e.AfterFunc(0, func() { panics(t, message, park) })
		must(t, env.Sleep(e, background, 1))
	}))
	panics(t, message, park)
}

func TestTwoTasksOnOneParker(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		p := e.NewParker()
		e.Go("first", func() { _ = p.Park(background) })
		must(t, env.Sleep(e, background, 1))
		panics(t, "coro: two tasks park on one Parker", func() { _ = p.Park(background) })
	})
}

func TestForeignContextIsRefused(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		std, cancel := context.WithCancel(background)
		defer cancel()
		below, cancelBelow := env.WithTimeout(e, std, time.Hour)
		defer cancelBelow()
		for _, ctx := range []context.Context{std, below, context.WithValue(below, errTest, 1)} {
			panics(t, "coro: Park on a context of package context", func() { _ = env.Sleep(e, ctx, 1) })
		}
	})
}

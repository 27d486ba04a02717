// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// benchmark runs main, which is to make b.N rounds, and reports the steps that the scheduler made a second.
func benchmark(b *testing.B, main func(s *coro.Scheduler, e env.Env)) {
	b.ReportAllocs()
	s := coro.New(coro.Options{})
	if err := s.Run(func() { main(s, s.Machine(coro.MainMachine)) }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(s.Steps())/b.Elapsed().Seconds(), "steps/s")
}

// each divides b.N rounds among tasks, and waits for them.
func each(b *testing.B, e env.Env, tasks int, round func(task int) error) {
	g := env.NewGroup(e, background)
	for i := range tasks {
		g.Go("task", func(context.Context) {
			for range b.N / tasks {
				if err := round(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	if err := g.Wait(background); err != nil {
		b.Error(err)
	}
}

// BenchmarkPark is pairs of tasks that wake each other.
func BenchmarkPark(b *testing.B) {
	for _, tasks := range []int{2, 100} {
		b.Run(fmt.Sprintf("tasks=%d", tasks), func(b *testing.B) {
			benchmark(b, func(_ *coro.Scheduler, e env.Env) {
				parkers := make([]env.Parker, tasks)
				for i := range parkers {
					parkers[i] = e.NewParker()
				}
				each(b, e, tasks, func(i int) error {
					if i%2 == 0 {
						parkers[i+1].Unpark()
						return parkers[i].Park(background)
					}
					defer parkers[i-1].Unpark()
					return parkers[i].Park(background)
				})
			})
		})
	}
}

// BenchmarkSleep is tasks that sleep for various times.
func BenchmarkSleep(b *testing.B) {
	for _, tasks := range []int{2, 100} {
		b.Run(fmt.Sprintf("tasks=%d", tasks), func(b *testing.B) {
			benchmark(b, func(_ *coro.Scheduler, e env.Env) {
				each(b, e, tasks, func(i int) error { return env.Sleep(e, background, time.Duration(1+i%7)) })
			})
		})
	}
}

// BenchmarkTimeout is tasks that wait for something within a deadline, which is stopped most of the time.
func BenchmarkTimeout(b *testing.B) {
	benchmark(b, func(_ *coro.Scheduler, e env.Env) {
		each(b, e, 100, func(i int) error {
			ctx, cancel := env.WithTimeout(e, background, time.Second)
			defer cancel()
			return env.Sleep(e, ctx, time.Duration(i))
		})
	})
}

// BenchmarkGo is a task that starts another and waits for it.
func BenchmarkGo(b *testing.B) {
	benchmark(b, func(_ *coro.Scheduler, e env.Env) {
		p := e.NewParker()
		for range b.N {
			e.Go("task", p.Unpark)
			if err := p.Park(background); err != nil {
				b.Error(err)
			}
		}
	})
}

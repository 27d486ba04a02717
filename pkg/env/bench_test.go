// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// inBoth runs a benchmark in the real world and under the scheduler.
func inBoth(b *testing.B, f func(b *testing.B, e env.Env)) {
	b.Run("real", func(b *testing.B) { f(b, env.Real()) })
	b.Run("coro", func(b *testing.B) {
		s := coro.New(coro.Options{})
		if err := s.Run(func() { f(b, s.Machine(coro.MainMachine)) }); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkParker is a round trip between two tasks.
func BenchmarkParker(b *testing.B) {
	inBoth(b, func(b *testing.B, e env.Env) {
		b.ReportAllocs()
		ping, pong := e.NewParker(), e.NewParker()
		e.Go("pong", func() {
			for range b.N {
				_ = ping.Park(background)
				pong.Unpark()
			}
		})
		for range b.N {
			ping.Unpark()
			_ = pong.Park(background)
		}
	})
}

// BenchmarkChannel is the same round trip on plain channels, to compare.
func BenchmarkChannel(b *testing.B) {
	b.ReportAllocs()
	ping, pong := make(chan struct{}), make(chan struct{})
	go func() {
		for range ping {
			pong <- struct{}{}
		}
	}()
	for b.Loop() {
		ping <- struct{}{}
		<-pong
	}
	close(ping)
}

// BenchmarkQueue moves elements from one task to another.
func BenchmarkQueue(b *testing.B) {
	for _, c := range []struct {
		name string
		pop  func(q *env.Queue[int], buf []int) ([]int, error)
	}{
		{"pop", func(q *env.Queue[int], buf []int) ([]int, error) {
			v, err := q.Pop(background)
			return append(buf, v), err
		}},
		{"popall", func(q *env.Queue[int], buf []int) ([]int, error) { return q.PopAll(background, buf) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			inBoth(b, func(b *testing.B, e env.Env) {
				b.ReportAllocs()
				q := env.NewQueue[int](e, 1024)
				e.Go("producer", func() {
					defer q.Close()
					for range b.N {
						_ = q.Push(background, 1)
					}
				})
				var buf []int
				var err error
				for err == nil {
					buf, err = c.pop(q, buf[:0])
				}
			})
		})
	}
}

// BenchmarkFuture is what a call costs: a future made, completed by another task
// and waited for.
func BenchmarkFuture(b *testing.B) {
	inBoth(b, func(b *testing.B, e env.Env) {
		b.ReportAllocs()
		q := env.NewQueue[*env.Future[int]](e, 0)
		e.Go("completer", func() {
			for f, err := q.Pop(background); err == nil; f, err = q.Pop(background) {
				f.Complete(1, nil)
			}
		})
		for b.Loop() {
			f := env.NewFuture[int](e)
			_ = q.Push(background, f)
			_, _ = f.Wait(background)
		}
		q.Close()
	})
}

func BenchmarkMutex(b *testing.B) {
	inBoth(b, func(b *testing.B, e env.Env) {
		b.ReportAllocs()
		m := env.NewMutex(e)
		for b.Loop() {
			_ = m.Lock(background)
			m.Unlock()
		}
	})
}

// BenchmarkWithTimeout compares a deadline that nobody waits for with package context's.
func BenchmarkWithTimeout(b *testing.B) {
	e := env.Real()
	b.Run("env", func(b *testing.B) {
		b.ReportAllocs()
		parent, cancelParent := env.WithCancel(background)
		defer cancelParent()
		for b.Loop() {
			ctx, cancel := env.WithTimeout(e, parent, time.Hour)
			_ = ctx.Err()
			cancel()
		}
	})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		parent, cancelParent := context.WithCancel(background)
		defer cancelParent()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(parent, time.Hour)
			_ = ctx.Err()
			cancel()
		}
	})
}

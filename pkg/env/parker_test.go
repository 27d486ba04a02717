// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestPermitGivenBeforePark(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		p := e.NewParker()
		p.Unpark()
		p.Unpark()
		must(t, p.Park(background))

		ctx, cancel := env.WithTimeout(e, background, time.Millisecond)
		defer cancel()
		equal(t, "second park", p.Park(ctx), context.DeadlineExceeded) // there was only one permit
	})
}

func TestPermitWinsOverEndedContext(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ctx, cancel := env.WithCancel(background)
		cancel()
		p := e.NewParker()
		p.Unpark()
		must(t, p.Park(ctx))
		equal(t, "without a permit", p.Park(ctx), context.Canceled)
	})
}

func TestParkReturnsCause(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		cause := errors.New("cause")
		ctx, cancel := env.WithCancelCause(background)
		e.Go("canceller", func() { cancel(cause) })
		equal(t, "park", e.NewParker().Park(ctx), cause)
	})
}

func TestParkLeavesTheContext(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ctx, cancel := env.WithCancel(background)
		defer cancel()
		p := e.NewParker()
		e.Go("waker", p.Unpark)
		must(t, p.Park(ctx))
		equal(t, "watchers", env.Watchers(ctx), 0)
	})
}

func TestParkAndUnparkRace(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		ping, pong := e.NewParker(), e.NewParker()
		race(e, func() {
			for range rounds {
				must(t, ping.Park(background))
				pong.Unpark()
			}
		}, func() {
			for range rounds {
				ping.Unpark()
				must(t, pong.Park(background))
			}
		})
	})
}

func TestTimers(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		began := e.Monotonic()
		p := e.NewParker()
		timer := e.AfterFunc(time.Millisecond, p.Unpark)
		must(t, p.Park(background))
		if passed := e.Monotonic() - began; passed < time.Millisecond {
			t.Fatalf("fired after %v", passed)
		}
		equal(t, "Stop after the call", timer.Stop(), false)

		stopped := e.AfterFunc(time.Hour, func() { t.Error("a stopped timer fired") })
		equal(t, "Stop", stopped.Stop(), true)
		equal(t, "Stop again", stopped.Stop(), false)

		for _, d := range []time.Duration{0, -time.Hour} {
			e.AfterFunc(d, p.Unpark)
			must(t, p.Park(background))
		}
	})
}

func TestSleep(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		began := e.Monotonic()
		must(t, env.Sleep(e, background, time.Millisecond))
		if passed := e.Monotonic() - began; passed < time.Millisecond {
			t.Fatalf("slept %v", passed)
		}
		must(t, env.Sleep(e, background, 0))

		ctx, cancel := env.WithCancel(background)
		e.Go("canceller", cancel)
		equal(t, "cancelled sleep", env.Sleep(e, ctx, time.Hour), context.Canceled)
		equal(t, "sleep of nothing", env.Sleep(e, ctx, 0), context.Canceled)
	})
}

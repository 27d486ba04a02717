// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// A call whose deadline passes before there is a connection was never sent: it has not run, and its caller knows.
func TestACallThatGetsNoConnectionIsUnavailable(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		w.network.Block("client", "server")
		started, _ := w.start(w.env.Monotonic()+time.Second, "echo", "")
		ctx, cancel := env.WithTimeout(w.env, background, time.Second)
		defer cancel()
		_, err := w.pool.Call(ctx, addr, rpc.ClassCall, "echo", nil)
		wantCode(t, err, api.CodeUnavailable, true)
		_, err = started.Wait(background)
		wantCode(t, err, api.CodeUnavailable, true)
		_, err = w.pool.Call(ctx, addr, rpc.ClassCall, "echo", nil) // it has not waited for a connection
		wantCode(t, err, api.CodeDeadlineExceeded, true)
	})
}

// An address that drops what it is sent costs the first call the time of a dial, and no other one.
func TestAnAddressThatDropsEverythingHoldsUpOneDialOnly(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		w.network.Block("client", "server")
		_, err := w.call("echo", "")
		wantCode(t, err, api.CodeUnavailable, true)
		began, calls := w.env.Monotonic(), 0
		for w.env.Monotonic() < began+time.Minute {
			calls++
			_, err := w.call("echo", "")
			wantCode(t, err, api.CodeUnavailable, true)
			sleep(t, w.env, 10*time.Millisecond)
		}
		if calls < 1000 {
			t.Errorf("%d calls have failed within a minute: they wait for dials", calls)
		}
		w.network.Unblock("client", "server")
		ctx, cancel := env.WithTimeout(w.env, background, 5*time.Second)
		defer cancel()
		if _, err := w.pool.Connect(ctx, addr); err != nil {
			t.Fatal(err)
		}
		answer, err := w.call("echo", "back")
		wantAnswer(t, answer, err, "back")
	})
}

// Connect goes on while the dial that it has begun takes long, without going in circles.
func TestConnectOutlastsALongDial(t *testing.T) {
	inVirtualTime(t, 2, options{}, nil, func(t *testing.T, w *world) {
		w.network.Block("client", "server")
		_, err := w.call("echo", "")
		wantCode(t, err, api.CodeUnavailable, true)
		group := env.NewGroup(w.env, background)
		group.Go("connect", func(context.Context) {
			ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
			defer cancel()
			if _, err := w.pool.Connect(ctx, addr); err != nil {
				t.Error(err)
			}
		})
		sleep(t, w.env, 20*time.Second)
		w.network.Unblock("client", "server")
		if err := group.Wait(background); err != nil {
			t.Fatal(err)
		}
	})
}

func sleep(t *testing.T, e env.Env, d time.Duration) {
	t.Helper()
	if err := env.Sleep(e, background, d); err != nil {
		t.Fatal(err)
	}
}

// A server that answers hellos late, as it has thousands of them at once, is not begun with again and again.
func TestAServerThatAnswersLateIsWaitedFor(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		dials := 0
		w.network.SetConditions(late{answers: 12 * time.Second, dials: &dials})
		defer w.network.SetConditions(nil)
		ctx, cancel := env.WithTimeout(w.env, background, 5*time.Minute)
		defer cancel()
		if _, err := w.pool.Connect(ctx, addr); err != nil {
			t.Errorf("no connection after %d dials: %v", dials, err)
		}
	})
}

// late holds up what a server sends.
type late struct {
	answers time.Duration
	dials   *int
}

func (l late) Delay(from, _ string) time.Duration {
	if from == "server" {
		return l.answers
	}
	return 0
}

func (l late) Frame(string, string) mem.Fate { return mem.Deliver }

func (l late) Dial(string, string) error {
	*l.dials++
	return nil
}

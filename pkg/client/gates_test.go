// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestCallsOfOneActorWaitForTheirTurn(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		g := gates{env: e, all: make(map[api.ActorID]*gate)}
		hot, cold := api.ActorID{Namespace: "a", ID: "hot"}, api.ActorID{Namespace: "a", ID: "cold"}
		for range callsPerActorMax {
			if err := g.enter(context.Background(), hot); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.enter(context.Background(), cold); err != nil {
			t.Fatal(err)
		}
		g.leave(cold)

		var turns []string
		waiters := env.NewGroup(e, context.Background())
		for i := range 5 {
			waiters.Go("waiter", func(ctx context.Context) {
				if i == 2 {
					var cancel context.CancelFunc
					ctx, cancel = env.WithTimeout(e, ctx, time.Second)
					defer cancel()
				}
				err := g.enter(ctx, hot)
				turns = append(turns, fmt.Sprint(i, " ", api.CodeOf(err)))
			})
			_ = env.Sleep(e, context.Background(), time.Millisecond)
		}
		_ = env.Sleep(e, context.Background(), 2*time.Second)
		for range callsPerActorMax {
			g.leave(hot)
			_ = env.Sleep(e, context.Background(), time.Millisecond)
		}
		if err := waiters.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"2 overloaded", "0 ok", "1 ok", "3 ok", "4 ok"}; !slices.Equal(turns, want) {
			t.Errorf("turns %q, want %q", turns, want)
		}
		for range 4 {
			g.leave(hot)
		}
		if len(g.all) != 0 {
			t.Errorf("gates of actors that nobody calls stay: %v", g.all)
		}
	})
}

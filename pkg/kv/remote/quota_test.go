// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func named(name string) holder { return holder{address: name} }

// TestQuotaLeavesRoom lets holders take what they can, one after the other, and shows that each finds some, and what
// the bounds are.
func TestQuotaLeavesRoom(t *testing.T) {
	const total, share, n = 1000, 400, 9
	q := newQuota(env.Real(), total, share)
	held := make([]int64, n)
	for i := range held {
		for q.try(named(fmt.Sprint(i)), 1) {
			held[i]++
		}
		if i == 0 && held[i] != share {
			t.Errorf("the first has %d, want the share, %d", held[i], share)
		}
		if held[i] == 0 {
			t.Errorf("nothing is left for holder %d of %v", i, held)
		}
		if held[i] > share || i > 0 && q.free < held[i] {
			t.Errorf("holder %d has %d, and %d is left for others", i, held[i], q.free)
		}
	}
	if q.try(named("0"), 1) {
		t.Error("who has his share gets more")
	}
	if !q.try(holder{address: "0", control: true}, 1) {
		t.Error("a heartbeat waits behind the data of its process")
	}
	q.give(holder{address: "0", control: true}, 1)
	for i := range held {
		q.give(named(fmt.Sprint(i)), held[i])
	}
	if q.free != total || len(q.accounts) != 0 {
		t.Errorf("when all is given back, %d of %d are free and there are %d accounts", q.free, total, len(q.accounts))
	}
}

// TestQuotaTurns shows who has the next turn: the first of its holder, the holders in rotation, and nobody waits for
// one who has had enough.
func TestQuotaTurns(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		q := newQuota(e, 100, 10)
		if !q.try(named("greedy"), 10) || !q.try(named("other"), 10) {
			t.Fatal("no room in the beginning")
		}
		var order []string
		wait := func(who string) *env.Future[struct{}] {
			done := env.NewFuture[struct{}](e)
			tn := q.enter(named(who), 5)
			if tn == nil {
				t.Fatalf("%s does not wait", who)
			}
			e.Go("wait", func() {
				err := tn.parker.Park(context.Background())
				order = append(order, who)
				done.Complete(struct{}{}, err)
			})
			return done
		}
		await := func(f *env.Future[struct{}]) {
			t.Helper()
			if _, err := f.Wait(context.Background()); err != nil {
				t.Error(err)
			}
		}
		first, second, third := wait("greedy"), wait("greedy"), wait("other")
		if !q.try(named("modest"), 10) {
			t.Error("somebody waits for those who have had enough")
		}
		if q.try(named("greedy"), 0) {
			t.Error("who waits is overtaken by himself")
		}
		q.give(named("greedy"), 5)
		await(first)
		q.give(named("other"), 5)
		await(third)
		q.give(named("greedy"), 5)
		await(second)
		if got := fmt.Sprint(order); got != "[greedy other greedy]" {
			t.Errorf("the order was %v", got)
		}
	})
}

// TestQuotaWaitEnds shows that who gives up waiting leaves nothing, and lets those behind go on.
func TestQuotaWaitEnds(t *testing.T) {
	envtest.Simulated(t, 8, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		background := context.Background()
		q := newQuota(e, 100, 10)
		who := named("a")
		if err := q.wait(background, who, 4); err != nil {
			t.Fatal(err)
		}
		small := env.NewFuture[struct{}](e)
		e.Go("small", func() {
			if err := env.Sleep(e, background, 500*time.Millisecond); err != nil {
				t.Error(err)
			}
			small.Complete(struct{}{}, q.wait(background, who, 6))
		})
		ctx, cancel := env.WithTimeout(e, background, time.Second)
		defer cancel()
		if err := q.wait(ctx, who, 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting without success ended with %v", err)
		}
		if _, err := small.Wait(background); err != nil {
			t.Error(err)
		}
		q.give(who, 10)
		if q.free != 100 || len(q.accounts) != 0 || len(q.turns) != 0 {
			t.Errorf("%d free, %d accounts, %d turns", q.free, len(q.accounts), len(q.turns))
		}
	})
}

// TestQuotaUnderLoad lets many tasks of many holders come and go, some of them giving up.
func TestQuotaUnderLoad(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		const total, share = 1000, 300
		q := newQuota(e, total, share)
		tasks := env.NewGroup(e, context.Background())
		defer tasks.Stop()
		for i := range 40 {
			rnd := e.Rand(fmt.Sprint("load ", i))
			tasks.Go("load", func(ctx context.Context) {
				who := named(fmt.Sprint(i % 7))
				for range 50 {
					n := 1 + rnd.Int64N(share)
					short, cancel := env.WithTimeout(e, ctx, time.Duration(1+rnd.Int64N(int64(time.Millisecond))))
					if q.wait(short, who, n) == nil {
						if err := env.Sleep(
							e, ctx, time.Duration(rnd.Int64N(int64(100*time.Microsecond)))); err != nil {
							t.Error(err)
						}
						q.give(who, n)
					}
					cancel()
				}
			})
		}
		if err := tasks.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if q.free != total || len(q.accounts) != 0 || len(q.turns) != 0 {
			t.Errorf("%d free, %d accounts, %d turns", q.free, len(q.accounts), len(q.turns))
		}
	})
}

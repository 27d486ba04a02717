// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

func TestAJobGoesToAnotherWorkerWhenItsLeaseEnds(t *testing.T) {
	ctx, a := context.Background(), actortest.New(queues)
	for range 2 { // a producer that does not know whether it was accepted sends again under the same key
		if _, err := add.On(a, "mail").Send(ctx, "letter", client.WithIdempotencyKey("letter 1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Deliver(ctx); err != nil {
		t.Fatal(err)
	}
	var jobs []job
	for _, want := range []job{{1, "letter", 1}, {}, {1, "letter", 2}} {
		j, err := take.On(a, "mail").Call(ctx, actor.None{})
		if err != nil || j != want {
			t.Fatalf("%+v (%v), want %+v", j, err, want)
		}
		jobs = append(jobs, j)
		if err := a.Advance(ctx, lease/2+time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range map[int]bool{0: false, 2: true} {
		if ok, err := finish.On(a, "mail").Call(ctx, jobs[i]); err != nil || ok != want {
			t.Errorf("worker %d has finished: %t (%v), want %t", i, ok, err, want)
		}
	}
	q, err := status.On(a, "mail").Call(ctx, actor.None{})
	if err != nil || q.Last != 1 || len(q.Waiting) != 0 || q.Taken != 0 || q.Done != 1 {
		t.Errorf("%+v (%v)", q, err)
	}
}

// TestEveryJobIsFinishedOnce has clients produce and work while nodes crash and messages are lost: each job that was
// accepted is finished by one worker.
func TestEveryJobIsFinishedOnce(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 5, Clients: 3, Calls: 15, For: 10 * time.Second, Program: func() sim.Program {
		finished := make(map[string]int)
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{queues} },
			Client: func(c *sim.Client) {
				for c.More() {
					work := c.Unique()
					produce(c, work)
					finished[work] += 0
					workOn(c, finished)
				}
			},
			Check: func(c *sim.Client) {
				for range 500 {
					workOn(c, finished)
					if done(finished) {
						break
					}
					c.Pause(time.Second)
				}
				for work, times := range finished {
					if times != 1 {
						c.Errorf("job %s was finished %d times", work, times)
					}
				}
				if len(finished) == 0 {
					c.Errorf("there was nothing to do")
				}
			},
		}
	}})
}

// produce sends a job until it is accepted.
func produce(c *sim.Client, work string) {
	for {
		ctx, cancel := c.Within(10 * time.Second)
		_, err := add.On(c, "1").Send(ctx, work, client.WithIdempotencyKey(work))
		cancel()
		if err == nil {
			return
		}
		c.Pause(100 * time.Millisecond)
	}
}

// workOn takes a job and finishes it, if there is one.
func workOn(c *sim.Client, finished map[string]int) {
	var j job
	if err := c.Surely(queues.ID("1"), take.Name(), actor.None{}, &j); err != nil || j.Number == 0 {
		return
	}
	var mine bool
	if err := c.Surely(queues.ID("1"), finish.Name(), j, &mine); err != nil {
		c.Errorf("job %d: %v", j.Number, err)
	}
	if mine {
		finished[j.Work]++
	}
}

func done(finished map[string]int) bool {
	for _, times := range finished {
		if times == 0 {
			return false
		}
	}
	return true
}
